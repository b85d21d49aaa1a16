package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.data.CorpusLoader;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The command {@code train}. */
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Trains a GPT-2, or continues to.",
            "A preset gives every option a value; options given here win."
        })
public final class TrainCommand implements Runnable {

    /** Creates the command; picocli sets the options. */
    public TrainCommand() {}

    /** Declares the options; their values are read again, on top of the preset's. */
    @Mixin private final TrainingOptions given = new TrainingOptions();

    @Spec private CommandSpec spec;

    @Override
    public void run() {
        List<String> arguments =
                spec.commandLine().getParseResult().matchedOptions().stream()
                        .map(option -> option.longestName() + "=" + option.getValue())
                        .toList();
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        Training.train(arguments, loader, System.out);
    }
}

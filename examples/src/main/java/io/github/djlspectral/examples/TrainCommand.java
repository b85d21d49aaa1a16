package io.github.djlspectral.examples;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.train.TrainingOptions;
import io.github.djlspectral.examples.train.TrainingSession;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Trains a GPT-2, or continues to.",
            "A preset gives every option a value; options given here win."
        })
final class TrainCommand implements Runnable {

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
        TrainingSession.train(arguments, loader, System.out);
    }
}

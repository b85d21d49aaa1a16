package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command {@code eval}. */
@Command(
        name = "eval",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Measures a trained model on the validation split of a data set.")
public final class EvalCommand implements Runnable {

    /** Creates the command; picocli sets the options. */
    public EvalCommand() {}

    @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
    private Path directory;

    @Option(
            names = "--data",
            paramLabel = "<name|path|URL>",
            description = "As for train. Default: what the model was trained on.")
    private String data;

    @Option(
            names = "--batches",
            description = "Batches, spread over the split; 0: all of it. Default: 0.")
    private int batches;

    @Option(names = "--device", description = "cpu, gpu, gpu0, ... Default: cpu.")
    private String device = "cpu";

    @Option(
            names = "--step",
            paramLabel = "<n>",
            description = "The checkpoint of this step. Default: the newest that is whole.")
    private Integer step;

    @Override
    public void run() {
        if (batches < 0) {
            throw new BadInputException(
                    "--batches is " + batches + ", but must be at least 1, or 0 for all");
        }
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        try (SavedRun run = SavedRun.open(directory, device, step)) {
            SavedRun.Quality quality = run.evaluate(data, batches, loader);
            System.out.println(run.description());
            System.out.printf(Locale.ROOT, "tokens         %,d%n", quality.tokens());
            System.out.printf(Locale.ROOT, "loss           %.4f nats/token%n", quality.loss());
            System.out.printf(Locale.ROOT, "perplexity     %.3f%n", quality.perplexity());
            System.out.printf(Locale.ROOT, "bits per byte  %.4f%n", quality.bitsPerByte());
        }
    }
}

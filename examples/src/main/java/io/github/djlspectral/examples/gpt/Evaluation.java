package io.github.djlspectral.examples.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.torch.Host;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The mean loss over batches that are spread evenly over a validation split. */
public final class Evaluation {

    private final TokenBatches batches;
    private final long count;

    /**
     * Chooses the batches.
     *
     * @param batches the whole split
     * @param count the number of batches to use; all of them if there are fewer
     */
    Evaluation(TokenBatches batches, long count) {
        this.batches = batches;
        this.count = Math.min(count, batches.count());
    }

    /** A mean loss in nats per token, and the number of tokens predicted. */
    record Result(double loss, long tokens) {}

    /**
     * Measures a model without gradients, or returns null if asked to stop meanwhile.
     *
     * @param gpt2 the initialised model
     * @param manager a manager on the model's device
     */
    Result run(Gpt2 gpt2, NDManager manager, BooleanSupplier stop) {
        double sum = 0;
        long tokens = 0;
        for (long i = 0; i < count; i++) {
            if (stop.getAsBoolean()) {
                return null;
            }
            try (NDManager scratch = manager.newSubManager()) {
                NDList batch = batches.batch(i * batches.count() / count, scratch);
                ParameterStore store = new ParameterStore(manager, false);
                NDArray loss = gpt2.loss(store, batch.get(0), batch.get(1), false);
                sum += (double) Host.read(loss, NDArray::getFloat) * batch.head().size();
                tokens += batch.head().size();
            }
        }
        return new Result(sum / tokens, tokens);
    }

    /** The command {@code eval}. */
    @Command(
            name = "eval",
            mixinStandardHelpOptions = true,
            usageHelpAutoWidth = true,
            sortOptions = false,
            description = "Measures a trained model on the validation split of a data set.")
    public static final class EvalCommand implements Runnable {

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
            CorpusLoader loader =
                    new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
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
}

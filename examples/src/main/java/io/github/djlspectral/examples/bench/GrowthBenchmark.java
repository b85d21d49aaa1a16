package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.bench.OptimizerBenchmarks.TrainedWeight;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.text.BadInputException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What changes along one axis around {@link Point}'s base: a training step of a GPT-2 in float32,
 * with its memory as {@link Point#memory} predicts it; and of it
 *
 * <ul>
 *   <li>the part that grows with the tokens, forward and backward: clipping and the update, which
 *       are the same for any batch, would bend its curve;
 *   <li>Muon's update of the eight hidden matrices of two layers, which grows with their width.
 * </ul>
 */
@BenchmarkMode(Mode.SingleShotTime)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
public class GrowthBenchmark extends EngineBenchmark {

    static final String GRADIENTS = "gradients alone";
    static final String UPDATE = "Muon alone";
    private static final String MUON = "ours, Muon";
    private static final Point SMALLEST = new Point(64, 1, 1, 1);

    @Param("growth")
    String suite;

    @Param({
        "width=256",
        "width=512",
        "width=768",
        "width=1024",
        "width=1600",
        "depth=2",
        "depth=4",
        "depth=8",
        "depth=12",
        "batch=1",
        "batch=2",
        "batch=4",
        "batch=8",
        "batch=16",
        "context=64",
        "context=128",
        "context=256",
        "context=512",
        "context=1024"
    })
    String subject;

    /** A step by its optimizer, where Muon has AdamW for what is no hidden matrix, or a part. */
    @Param({"ours, AdamW", MUON, GRADIENTS, UPDATE})
    String contender;

    private List<TrainedWeight> hidden;
    private Muon alone;

    @Override
    void make() {
        Point point = Point.parse(subject);
        switch (contender) {
            case UPDATE -> {
                hidden = TrainedWeight.hidden(manager, point.config());
                alone = Muon.builder().build();
            }
            case GRADIENTS -> train(point);
            default -> {
                // A tiny one takes a step before, so that the base of the memory has the code that
                // a step runs through, and the rest is arrays.
                train(SMALLEST);
                training.step();
                training.close();
                MemoryProfiler.noteBase();
                train(point);
                double bytes = point.memory(contender.equals(MUON));
                MemoryProfiler.tell(MemoryProfiler.PREDICTED, bytes);
            }
        }
    }

    private void train(Point point) {
        Shape batch = new Shape(point.batch, point.context);
        training = Gpt2Training.of(point.config(), contender.equals(MUON), batch);
    }

    @Override
    void finish() {
        if (alone != null) {
            alone.close();
        }
    }

    /** The step, or the part. Gradients accumulate. */
    @Benchmark
    public void step() {
        switch (contender) {
            case UPDATE -> hidden.forEach(weight -> weight.update(alone));
            case GRADIENTS -> training.gradients();
            default -> training.step();
        }
    }

    /**
     * A GPT-2 and its batch, for growth along one axis at a time.
     *
     * @param width C; a head for each 64
     * @param depth the number of layers
     * @param batch the number of sequences B
     * @param context the tokens of each T
     */
    record Point(int width, int depth, int batch, int context) {

        private static final Point BASE = new Point(512, 2, 4, 256);
        private static final int VOCABULARY = 8192;
        private static final int HEAD = 64;
        private static final long BESIDE = 8_000_000;
        private static final Pattern AXIS =
                Pattern.compile("(width|depth|batch|context)=([1-9]\\d*)");

        /**
         * Changes the base, which is width 512, depth 2, batch 4 and context 256, along one axis.
         *
         * @param text such as "width=768"
         * @throws IllegalArgumentException if it is nothing of the kind
         */
        static Point parse(String text) {
            Matcher axis = AXIS.matcher(text);
            BadInputException.unless(
                    axis.matches(),
                    "A point of growth is %s, such as width=768, not %s",
                    AXIS,
                    text);
            int value = Integer.parseInt(axis.group(2));
            return switch (axis.group(1)) {
                case "width" -> new Point(value, BASE.depth, BASE.batch, BASE.context);
                case "depth" -> new Point(BASE.width, value, BASE.batch, BASE.context);
                case "batch" -> new Point(BASE.width, BASE.depth, value, BASE.context);
                default -> new Point(BASE.width, BASE.depth, BASE.batch, value);
            };
        }

        /** Returns the model, without dropout. */
        Gpt2Config config() {
            return new Gpt2Config(VOCABULARY, context, depth, width / HEAD, width, 0, true);
        }

        /**
         * Returns the memory that training in float32 on a CPU needs for arrays, in bytes.
         *
         * <p>With P parameters, of which H are in hidden matrices, L layers of width C with h
         * heads, V tokens in the vocabulary, N = B T tokens in the batch and r rows of logits at a
         * time, these are numbers of 4 bytes:
         *
         * <pre>
         * weights     P
         * gradients   P: they stay, as the engine adds to them
         * state       2 P for AdamW;  2 P - H for Muon, which has only the momentum
         * workspace   N ((2 L + 1) (2 C + 2) + L (12 C + h) + 6 C) + r V
         * passing     4 N C, and 10 C^2 for Muon
         * beside      8 million
         * </pre>
         *
         * <p>All of it is there at the same time, so the peak is the sum. Each term is counted from
         * what the code allocates, but for the last, which was measured: the buffers in which the
         * library of matrix products packs its operands, and what the virtual machine takes to
         * compile the program while it runs. What the allocator leaves unused between blocks is not
         * counted.
         *
         * <p>The workspace is what a {@link Gpt2Backpropagation} keeps of the forward pass. At the
         * beginning of each half layer and at the end, the residual stream, what of it is
         * normalised, and two numbers for that; of each layer, queries, keys and values (3 C), what
         * attention gives (C) and a number per head, and the perceptron before and after GELU (8
         * C); three gradients for one layer at a time (6 C); and r rows of logits.
         *
         * <p>Passing is what is made and freed again. In a layer's attention the gradients of
         * queries, keys and values, and beside them one of the stream; in Muon's update of a C x 4
         * C matrix what enters the polar map (4 C^2), and six of the size of its Gram matrix: that,
         * its Cholesky factor, the inverse and the product of two steps. One comes after the other,
         * but blocks of less than 32 MiB stay with the process, in pieces that the next does not
         * fit into.
         *
         * @param muon whether the optimizer is Muon, with AdamW for what is no hidden matrix
         */
        long memory(boolean muon) {
            DataType type = DataType.FLOAT32;
            long workspace =
                    Gpt2Backpropagation.bytes(config(), Precision.FLOAT32, type, batch, context);
            long passing = 4L * batch * context * width + (muon ? 10L * width * width : 0);
            long numbers = 4 * weights() - (muon ? hidden() : 0) + passing + BESIDE;
            return workspace + type.getNumOfBytes() * numbers;
        }

        /** All parameters: embeddings, each layer's four matrices, and the biases and gains. */
        long weights() {
            return hidden() + (VOCABULARY + context + 13L * depth + 2) * width;
        }

        /** The hidden matrices: 3 C x C, C x C, 4 C x C and C x 4 C. */
        private long hidden() {
            return 12L * depth * width * width;
        }
    }
}

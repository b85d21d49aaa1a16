package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.apache.commons.math3.stat.descriptive.rank.Median;

/**
 * How fast the machine multiplied float32 matrices, operations a second: what shares refer to, and
 * what tells the conditions of two sessions apart.
 */
record MachineSpeed(Results results) {

    private static final int SIZE = 1024;
    private static final long NANOS = 300_000_000;
    private static final String LARGE = "product 2048";

    /**
     * Measures for a third of a second how fast a product is at best, operations a second: what
     * else runs on the machine can only slow a product down.
     */
    static double measure(NDManager manager) {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray a = scratch.ones(new Shape(SIZE, SIZE));
            multiply(a); // the first product sets up the library
            long shortest = Long.MAX_VALUE;
            long end = System.nanoTime() + NANOS;
            do {
                long begin = System.nanoTime();
                multiply(a);
                shortest = Math.min(shortest, System.nanoTime() - begin);
            } while (System.nanoTime() < end);
            return 2e9 * SIZE * SIZE * SIZE / shortest;
        }
    }

    private static void multiply(NDArray a) {
        try (NDArray product = a.matMul(a);
                NDArray corner = product.get(0, 0)) {
            Host.read(corner, NDArray::getFloat); // waits for the device
        }
    }

    /**
     * What one operation on GPT-2 takes, or one product of square matrices.
     *
     * @param tokens that go through it; 0 for a matrix product
     * @param operations of its matrix products and attention: two per weight and token, and
     *     attention's scores and sums in full, although half of them are masked; three times as
     *     many with a backward pass. Of a training step, the optimizer's are not counted
     */
    record Work(long tokens, double operations) {

        private static final Pattern SUBJECT =
                Pattern.compile(
                        "(one layer|124M), B=(\\d+), T=(\\d+), (forward|backward|step)"
                                + "|product (\\d+)");

        /** Reads a subject; empty if it is of another kind. */
        static Optional<Work> of(String subject) {
            Matcher matcher = SUBJECT.matcher(subject);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            if (matcher.group(5) != null) {
                return Optional.of(
                        new Work(0, 2 * Math.pow(Integer.parseInt(matcher.group(5)), 3)));
            }
            boolean whole = matcher.group(1).equals("124M");
            Gpt2Config config = whole ? Gpt2Config.gpt2Small() : Gpt2Task.oneLayer(768);
            long length = Long.parseLong(matcher.group(3));
            long tokens = Long.parseLong(matcher.group(2)) * length;
            double width = config.width();
            double layer = 2 * 12 * width * width + 4 * width * length;
            double forward = config.layers() * layer + 2 * width * config.vocabSize();
            int passes = matcher.group(4).equals("forward") ? 1 : 3;
            return Optional.of(new Work(tokens, passes * forward * tokens));
        }
    }

    /** Returns the best of all products, small and large; empty if none was measured. */
    OptionalDouble best() {
        return DoubleStream.concat(small().max().stream(), large().stream()).max();
    }

    /** Those before the rounds, of 1024 x 1024. */
    private DoubleStream small() {
        return results.matrixProductRates().stream().mapToDouble(rate -> rate);
    }

    /** The best iteration of the benchmark of 2048 x 2048. */
    private OptionalDouble large() {
        double operations = Work.of(LARGE).orElseThrow().operations();
        return results.measured("gpt2, " + LARGE + ": ours, float32").stream()
                .flatMap(measurement -> measurement.measured().stream())
                .flatMap(round -> round.seconds().stream())
                .mapToDouble(seconds -> operations / seconds)
                .max();
    }

    /** Returns the line that a report begins with; none if nothing was measured. */
    List<String> lines() {
        if (best().isEmpty()) {
            return List.of();
        }
        List<String> sizes = new ArrayList<>();
        if (!results.matrixProductRates().isEmpty()) {
            String rates = small().mapToObj(MachineSpeed::giga).collect(Collectors.joining(", "));
            sizes.add("1024 x 1024, before each round " + rates);
        }
        large().ifPresent(rate -> sizes.add("2048 x 2048, at best " + giga(rate)));
        String line =
                "Matrix product, float32: %s GFLOP/s at best, which shares refer to, the largest"
                        + " of: %s.";
        return List.of(Table.text(line, giga(best().getAsDouble()), String.join("; ", sizes)));
    }

    /**
     * Compares the conditions of two sessions by the medians of the small products: a round may
     * have begun in a bad moment. Returns lines of Markdown; none if one of the two has no rate.
     */
    List<String> against(MachineSpeed old) {
        double before = new Median().evaluate(old.small().toArray());
        double now = new Median().evaluate(small().toArray());
        if (Double.isNaN(before + now)) {
            return List.of();
        }
        List<String> lines = new ArrayList<>();
        String line =
                "- Matrix product, float32, 1024 x 1024, median of the rounds: old %s GFLOP/s, new"
                        + " %s.";
        lines.add(Table.text(line, giga(before), giga(now)));
        if (Math.max(now / before, before / now) > 1.05) {
            lines.add(
                    "- Warning: the two differ by more than 5%, so that times are of different"
                            + " conditions, and what seems slower or faster may not be");
        }
        return lines;
    }

    private static String giga(double rate) {
        return String.valueOf(Math.round(rate / 1e9));
    }
}

package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
 *
 * @param results where it was measured
 */
record ProductRate(Results results) {

    private static final String LARGE = "product 2048";
    private static final double TOLERANCE = 1.05;

    /**
     * What one operation on GPT-2 takes, or one product of square matrices.
     *
     * @param tokens that go through it; 0 for a matrix product
     * @param operations of its matrix products and attention: two per weight and token, and
     *     attention's scores and sums in full, although half of them are masked; three times as
     *     many with a backward pass. Of a training step, the optimizer's are not counted
     */
    record Work(long tokens, double operations) {

        private static final Map<String, Gpt2Config> SIZES =
                Map.of(
                        "one layer",
                        new Gpt2Config(64, 1024, 1, 12, 768, 0, true),
                        "124M",
                        Gpt2Config.gpt2Small());
        private static final Pattern SUBJECT =
                Pattern.compile("(one layer|124M), B=(\\d+), T=(\\d+), (forward|backward|step)");
        private static final Pattern PRODUCT = Pattern.compile("product (\\d+)");
        private static final double WEIGHTS_OF_LAYER = 12; // by the width squared
        private static final double ATTENTION = 4;

        /** Reads a subject; empty if it is of another kind. */
        static Optional<Work> of(String subject) {
            Matcher product = PRODUCT.matcher(subject);
            if (product.matches()) {
                return Optional.of(
                        new Work(0, 2 * Math.pow(Double.parseDouble(product.group(1)), 3)));
            }
            Matcher matcher = SUBJECT.matcher(subject);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            Gpt2Config config = SIZES.get(matcher.group(1));
            long length = Long.parseLong(matcher.group(3));
            long tokens = Long.parseLong(matcher.group(2)) * length;
            double width = config.width();
            double layer = 2 * WEIGHTS_OF_LAYER * width * width + ATTENTION * width * length;
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
            String rates = small().mapToObj(ProductRate::giga).collect(Collectors.joining(", "));
            sizes.add("1024 x 1024, before each round " + rates);
        }
        large().ifPresent(rate -> sizes.add("2048 x 2048, at best " + giga(rate)));
        String line =
                "Matrix product, float32: %s GFLOP/s at best, which shares refer to, the largest"
                        + " of: %s.";
        return List.of(Table.text(line, giga(best().getAsDouble()), String.join("; ", sizes)));
    }

    /**
     * Compares the conditions of two sessions by the products of 1024 x 1024 before their rounds.
     *
     * @param old the older session
     * @return lines of Markdown; none if one of the two has no rate
     */
    List<String> against(ProductRate old) {
        double before = old.median();
        double now = median();
        if (Double.isNaN(before + now)) {
            return List.of();
        }
        List<String> lines = new ArrayList<>();
        String line =
                "- Matrix product, float32, 1024 x 1024, median of the rounds: old %s GFLOP/s, new"
                        + " %s.";
        lines.add(Table.text(line, giga(before), giga(now)));
        if (Math.max(now / before, before / now) > TOLERANCE) {
            lines.add(
                    "- Warning: the two differ by more than 5%, so that times are of different"
                            + " conditions, and what seems slower or faster may not be");
        }
        return lines;
    }

    /** Of all rounds: one of them may have begun in a bad moment. NaN if there is none. */
    private double median() {
        return new Median().evaluate(small().toArray());
    }

    private static String giga(double rate) {
        return String.valueOf(Math.round(rate / 1e9));
    }
}

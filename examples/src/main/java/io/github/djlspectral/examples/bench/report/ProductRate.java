package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
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
    private static final double GIGA = 1e9;
    private static final double TOLERANCE = 1.05;

    /** Returns the best of all products, small and large; empty if none was measured. */
    OptionalDouble best() {
        return DoubleStream.concat(small().stream(), large().stream()).max();
    }

    /** The best before any round, of 1024 x 1024. */
    private OptionalDouble small() {
        return results.matrixProductRates().stream().mapToDouble(rate -> rate).max();
    }

    /** The best iteration of the benchmark of 2048 x 2048. */
    private OptionalDouble large() {
        double operations = Gpt2Work.of(LARGE).orElseThrow().operations();
        return results.measured(Suite.GPT2, LARGE, "ours, float32").stream()
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
        if (small().isPresent()) {
            sizes.add(
                    "1024 x 1024, before each round "
                            + results.matrixProductRates().stream()
                                    .map(ProductRate::giga)
                                    .collect(Collectors.joining(", ")));
        }
        if (large().isPresent()) {
            sizes.add("2048 x 2048, at best " + giga(large().getAsDouble()));
        }
        return List.of(
                "Matrix product, float32: "
                        + giga(best().getAsDouble())
                        + " GFLOP/s at best, which shares refer to, the largest of: "
                        + String.join("; ", sizes)
                        + ".");
    }

    /**
     * Compares the conditions of two sessions by the products of 1024 x 1024 before their rounds.
     *
     * @param old the older session
     * @return lines of Markdown; none if one of the two has no rate
     */
    List<String> against(ProductRate old) {
        if (old.small().isEmpty() || small().isEmpty()) {
            return List.of();
        }
        double before = old.median();
        double now = median();
        List<String> lines = new ArrayList<>();
        lines.add(
                "- Matrix product, float32, 1024 x 1024, median of the rounds: old "
                        + giga(before)
                        + " GFLOP/s, new "
                        + giga(now)
                        + ".");
        if (Math.max(now / before, before / now) > TOLERANCE) {
            lines.add(
                    "- Warning: the two differ by more than 5%, so that times are of different"
                            + " conditions, and what seems slower or faster may not be");
        }
        return lines;
    }

    /** Of all rounds: one of them may have begun in a bad moment. */
    private double median() {
        return new Median()
                .evaluate(
                        results.matrixProductRates().stream().mapToDouble(rate -> rate).toArray());
    }

    private static String giga(double rate) {
        return String.valueOf(Math.round(rate / GIGA));
    }
}

package io.github.djlspectral.examples.isometry;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * Runs that differ in nothing but the seed.
 *
 * @param run what they have in common, seed 0
 * @param outcomes one for each seed
 */
record OutcomeGroup(DeepRun run, List<DeepOutcome> outcomes) {

    /** Groups runs, in the order of families and else in the order given. */
    static List<OutcomeGroup> of(List<DeepOutcome> outcomes) {
        Map<DeepRun, List<DeepOutcome>> groups = new LinkedHashMap<>();
        for (Family family : Family.values()) {
            for (DeepOutcome outcome : outcomes) {
                if (outcome.run().family() == family) {
                    groups.computeIfAbsent(outcome.run().withSeed(0), run -> new ArrayList<>())
                            .add(outcome);
                }
            }
        }
        return groups.entrySet().stream()
                .map(group -> new OutcomeGroup(group.getKey(), List.copyOf(group.getValue())))
                .toList();
    }

    /** Those that did not end early. */
    List<DeepOutcome> finished() {
        return outcomes.stream().filter(outcome -> !outcome.diverged()).toList();
    }

    double mean(ToDoubleFunction<DeepOutcome> number) {
        return outcomes.stream().mapToDouble(number).average().orElseThrow();
    }

    /** The mean over the seeds that finished of numbers along something. */
    double[] meanCurve(Function<DeepOutcome, double[]> curve) {
        List<double[]> curves = finished().stream().map(curve).toList();
        double[] mean = new double[curves.get(0).length];
        Arrays.setAll(mean, i -> curves.stream().mapToDouble(c -> c[i]).average().orElseThrow());
        return mean;
    }
}

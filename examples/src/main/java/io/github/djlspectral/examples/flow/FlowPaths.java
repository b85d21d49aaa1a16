package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Simulates independent paths, each from a beginning of its own: tokens uniform on the sphere, the
 * same for any number of heads, and weights as the settings say. Path p of a seed is the same
 * whatever the number of paths.
 */
final class FlowPaths {

    private FlowPaths() {}

    /**
     * Simulates.
     *
     * @param manager owns the records' arrays
     * @param progress gets the work done since the last time; see {@link FlowSettings#work()}
     */
    static List<FlowRecord> run(FlowSettings settings, NDManager manager, FlowProgress progress) {
        SplittableRandom seeds = new SplittableRandom(settings.seed());
        List<FlowRecord> records = new ArrayList<>();
        long d = settings.dimension();
        Shape shape = new Shape(settings.heads(), d, d);
        double workOfStep = settings.work() / settings.paths() / settings.steps();
        for (int p = 0; p < settings.paths(); p++) {
            SplittableRandom random = new SplittableRandom(seeds.nextLong());
            int[] done = {0};
            FlowSimulator simulator =
                    FlowSimulator.builder()
                            .setTokens(tokens(settings, random, manager))
                            .setWeights(
                                    manager.create(
                                            settings.start().weights(settings, random), shape))
                            .setDrift(settings.drift().drift())
                            .setStepSize(settings.step())
                            .setSteps(settings.steps())
                            .optNoiseVariance(settings.noise())
                            .optRecordEvery(settings.recordEvery())
                            .optSeed(random.nextLong())
                            .optProgress(
                                    step -> {
                                        progress.add((step - done[0]) * workOfStep);
                                        done[0] = step;
                                    })
                            .build();
            records.add(simulator.run());
        }
        return records;
    }

    private static NDArray tokens(
            FlowSettings settings, SplittableRandom random, NDManager manager) {
        int n = settings.tokens();
        int d = settings.dimension();
        double[] values = new double[n * d];
        for (int i = 0; i < n; i++) {
            double square = 0;
            for (int k = 0; k < d; k++) {
                double value = random.nextGaussian();
                values[i * d + k] = value;
                square += value * value;
            }
            for (int k = 0; k < d; k++) {
                values[i * d + k] /= Math.sqrt(square);
            }
        }
        return manager.create(values, new Shape(n, d));
    }
}

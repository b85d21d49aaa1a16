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
 * Simulates independent paths, each from a beginning of its own: tokens, the same for any number of
 * heads, and weights. Path p of a seed is the same whatever the number of paths.
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
        int d = settings.dimension();
        Shape shape = new Shape(settings.heads(), d, d);
        double workOfStep = settings.work() / settings.paths() / settings.steps();
        for (int p = 0; p < settings.paths(); p++) {
            SplittableRandom random = new SplittableRandom(seeds.nextLong());
            NDArray tokens =
                    manager.create(
                            settings.tokenStart().tokens(settings.tokens(), d, random),
                            new Shape(settings.tokens(), d));
            NDArray weights =
                    manager.create(settings.weightStart().weights(settings, random), shape);
            int[] done = {0};
            FlowSimulator simulator =
                    FlowSimulator.builder()
                            .setTokens(tokens)
                            .setWeights(weights)
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
}

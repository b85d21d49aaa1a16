package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleConsumer;

/**
 * Simulates independent paths, each from a beginning of its own: tokens, the same for any number of
 * heads, and weights. Path p of a seed is the same whatever the number of paths.
 */
final class FlowPaths {

    private static final double SECONDS_BETWEEN_LINES = 5;

    private FlowPaths() {}

    /** Tells from time to time how much of the work is done and when the rest will be. */
    static DoubleConsumer telling(PrintStream out, double work) {
        Eta eta = new Eta(work);
        return done -> {
            eta.add(done);
            if (eta.due(SECONDS_BETWEEN_LINES)) {
                out.println(Table.text("%.0f%% done, ETA %s", eta.percent(), eta.left()));
            }
        };
    }

    /**
     * Simulates.
     *
     * @param manager owns the records' arrays
     * @param progress gets the work done since the last time; see {@link FlowSettings#work()}
     */
    static List<FlowRecord> run(FlowSettings settings, NDManager manager, DoubleConsumer progress) {
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
                                        progress.accept((step - done[0]) * workOfStep);
                                        done[0] = step;
                                    })
                            .build();
            records.add(simulator.run());
        }
        return records;
    }
}

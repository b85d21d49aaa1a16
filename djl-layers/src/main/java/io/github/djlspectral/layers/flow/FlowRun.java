package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * One run of a {@link FlowSimulator}: the state of all its paths, and what was recorded of them.
 */
final class FlowRun {

    private static final int STEPS_PER_CALL = 64;
    // of increments or targets that are made at a time, unless one step takes more
    private static final int NUMBERS_PER_CALL = 1 << 22;
    private static final int MEASURES = 3;
    private static final int INTEGRALS = 4;

    private final FlowSimulator simulator;

    private final NDManager scratch;
    private final int paths;
    private final int heads;
    private final int dimension;
    private final double stepSize;
    private final int stepsPerCall;
    private final SplittableRandom[] randoms;
    private final double[] times;
    // of each path and time: energy, slope, dissipation; the integrals of slope, dissipation and
    // energy drift, and the martingale
    private final double[][][] measures;
    private final double[][] tokens; // of each path
    private int recorded;
    private NDArray x;
    private NDArray d;
    private NDArray sums;

    /** Begins a run, whose arrays belong to a manager that is closed after it. */
    FlowRun(FlowSimulator simulator, NDManager scratch, int paths) {
        this.simulator = simulator;
        this.scratch = scratch;
        this.paths = paths;
        heads = (int) simulator.weights.getShape().get(0);
        dimension = (int) simulator.weights.getShape().get(1);
        stepSize = simulator.stepSize;
        long matrices = (long) dimension * dimension * heads;
        long n = simulator.tokens.getShape().get(0);
        long records = 2 + (long) (simulator.steps - 1) / simulator.recordEvery;
        requireArray("the weights of all paths", matrices, paths);
        requireArray("the tokens of all paths", n * dimension, paths);
        requireArray("the recorded tokens of a path", n * dimension, records);
        times = new double[(int) records];
        measures = new double[paths][MEASURES + INTEGRALS][times.length];
        tokens = new double[paths][(int) (records * n * dimension)];
        stepsPerCall =
                (int) Math.max(1, Math.min(STEPS_PER_CALL, NUMBERS_PER_CALL / (matrices * paths)));
        randoms = new SplittableRandom[paths];
        SplittableRandom seeds = new SplittableRandom(simulator.seed);
        for (int p = 0; p < paths; p++) {
            randoms[p] = new SplittableRandom(seeds.nextLong());
        }
        x = repeated(simulator.tokens);
        d = repeated(simulator.weights);
        sums = scratch.zeros(new Shape(paths, 4), DataType.FLOAT64);
    }

    private static void requireArray(String what, long numbers, long times) {
        String most = "A run can hold 2^31 - 1 numbers of a kind, but %s are %s x %s: simulate";
        String rule = most + " fewer paths at a time, or record less often";
        require(numbers <= Integer.MAX_VALUE / times, rule, what, numbers, times);
    }

    private NDArray repeated(NDArray array) {
        NDArray exact = array.toType(DataType.FLOAT64, true);
        exact.attach(scratch);
        return exact.expandDims(0).repeat(0, paths);
    }

    /** Simulates all steps. */
    List<FlowRecord> records() {
        int steps = simulator.steps;
        int recordEvery = simulator.recordEvery;
        record(0);
        int step = 0;
        while (step < steps) {
            int untilRecord = recordEvery - step % recordEvery;
            int count = Math.min(Math.min(stepsPerCall, untilRecord), steps - step);
            advance(step, count);
            step += count;
            if (step % recordEvery == 0 || step == steps) {
                record(step);
            }
            simulator.progress.accept(step);
        }
        return IntStream.range(0, paths).mapToObj(this::toRecord).toList();
    }

    private FlowRecord toRecord(int p) {
        NDManager manager = simulator.tokens.getManager();
        Shape shape = new Shape(times.length).addAll(simulator.tokens.getShape());
        double[][] m = measures[p];
        NDArray path = manager.create(tokens[p], shape);
        NDArray weights = d.get(p);
        weights.attach(manager);
        return new FlowRecord(
                times.clone(), m[0], m[1], m[2], m[5], m[3], m[4], m[6], path, weights);
    }

    private void advance(int step, int count) {
        NDArray targets = targets(step, count);
        NDArray noise = simulator.noiseVariance == 0 ? targets : noise(step, count);
        double rate = simulator.drift.rate;
        Object[] arguments = {x, d, sums, targets, noise, stepSize, rate, simulator.noiseVariance};
        NDList next = FlowKernels.NATIVE.call(scratch, "advance", arguments);
        for (NDArray old : new NDList(x, d, sums, targets, noise)) {
            old.close();
        }
        x = next.get(0);
        d = next.get(1);
        sums = next.get(2);
    }

    private NDArray targets(int step, int count) {
        int size = heads * dimension * dimension;
        double[] values = new double[count * size];
        for (int i = 0; i < count; i++) {
            simulator.drift.write(values, i * size, heads, dimension, (step + i) * stepSize);
        }
        return scratch.create(values, new Shape(count, heads, dimension, dimension));
    }

    private NDArray noise(int step, int count) {
        if (simulator.increments != null) {
            NDArray given = simulator.increments.get(step + ":" + (step + count));
            NDArray exact = given.toType(DataType.FLOAT64, true);
            given.close();
            exact.attach(scratch);
            return exact.expandDims(1);
        }
        double[] values = new double[count * paths * heads * dimension * dimension];
        for (int i = 0, next = 0; i < count; i++) {
            for (int p = 0; p < paths; p++) {
                for (int h = 0; h < heads; h++) {
                    symmetricIncrement(randoms[p], values, next);
                    next += dimension * dimension;
                }
            }
        }
        return scratch.create(values, new Shape(count, paths, heads, dimension, dimension));
    }

    /** Half the sum of a Gaussian matrix and its transpose, of variance dt. */
    private void symmetricIncrement(SplittableRandom random, double[] into, int offset) {
        double root = Math.sqrt(stepSize);
        for (int i = 0; i < dimension; i++) {
            for (int j = 0; j <= i; j++) {
                double deviation = i == j ? root : root / Math.sqrt(2);
                double value = deviation * random.nextGaussian();
                into[offset + i * dimension + j] = value;
                into[offset + j * dimension + i] = value;
            }
        }
    }

    private void record(int step) {
        try (NDList measured = FlowKernels.NATIVE.call(scratch, "measure", x, d)) {
            times[recorded] = step * stepSize;
            write(measured.singletonOrThrow(), 0, MEASURES);
            write(sums, MEASURES, INTEGRALS);
            double[] positions = Host.read(x, NDArray::toDoubleArray);
            int size = positions.length / paths;
            for (int p = 0; p < paths; p++) {
                System.arraycopy(positions, p * size, tokens[p], recorded * size, size);
            }
            recorded++;
        }
    }

    /** Writes so many numbers of each path. */
    private void write(NDArray values, int first, int count) {
        double[] all = Host.read(values, NDArray::toDoubleArray);
        for (int i = 0; i < all.length; i++) {
            measures[i / count][first + i % count][recorded] = all[i];
        }
    }
}

package io.github.djlspectral.layers.isometry;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import java.util.LinkedHashMap;
import java.util.Map;

/** Every exact layer on vectors, and what the tests have in common. */
final class IsometryCatalogue {

    private IsometryCatalogue() {}

    /** The layers that take a width, by name; "|" marks where to look for kinks. */
    static Map<String, Block> layers(int n) {
        Map<String, Block> layers = new LinkedHashMap<>();
        for (Parametrization way : Parametrization.values()) {
            layers.put(
                    "residual, " + way,
                    ResidualFold.builder().setWidth(n).optParametrization(way).build());
            layers.put(
                    "linear, " + way,
                    OrthogonalLinear.builder().setUnits(n).optParametrization(way).build());
            if (way == Parametrization.EXPONENTIAL) {
                continue; // as Cayley's, and dear
            }
            layers.put(
                    "expansion, " + way,
                    OrthogonalLinear.builder().setUnits(n + 2).optParametrization(way).build());
            layers.put(
                    "contraction, " + way,
                    OrthogonalLinear.builder().setUnits(n - n / 2).optParametrization(way).build());
        }
        layers.put("| residual", ResidualFold.builder().setWidth(n).build());
        layers.put("| absolute", AbsFold.builder().setWidth(n).build());
        layers.put(
                "| residual, half the rows",
                ResidualFold.builder().setWidth(n).optRows(n - n / 2).build());
        for (double[] slopes : new double[][] {{0, 1}, {0.01, 1}, {0.5, 1}, {-1, 1}, {2, -3}}) {
            layers.put(
                    "| two slopes, " + slopes[0] + " and " + slopes[1],
                    TwoSlopeFold.builder()
                            .setWidth(n)
                            .optRows((n + 2) / 3)
                            .setSlopes(slopes[0], slopes[1])
                            .build());
        }
        layers.put(
                "| two slopes, U independent of V",
                TwoSlopeFold.builder().setWidth(n).setSlopes(0.1, 1).optIndependent(true).build());
        fixed(layers, n);
        return layers;
    }

    private static void fixed(Map<String, Block> layers, int n) {
        layers.put("| Q abs(V x + b)", between(FixedIsometry.abs(), n, n));
        layers.put("| Parseval frame, abs(C x + b)", between(FixedIsometry.abs(), 2 * n + 1, 0));
        layers.put("| B abs(C x + b)", between(FixedIsometry.abs(), n, n - n / 2));
        layers.put("| shifted abs", between(FixedIsometry.shiftedAbs(0.5), n, n));
        layers.put("| sawtooth", between(FixedIsometry.sawtooth(1.5), n, n));
        layers.put("| concatenated ReLU", between(FixedIsometry.concatenatedRelu(), n, 0));
        Linear linear = Linear.builder().setUnits(n).build();
        linear.setInitializer(new LooksLinearInitializer(), Parameter.Type.WEIGHT);
        layers.put(
                "looks linear",
                new SequentialBlock().add(FixedIsometry.concatenatedRelu()).add(linear));
        if (n % 2 == 0) {
            layers.put("| MaxMin", between(FixedIsometry.groupSort(2), n, n));
            layers.put("| AbsSort", between(FixedIsometry.absSort(), n, n));
            layers.put("| Householder, trained", between(new HouseholderActivation(), n, n));
            layers.put("| maximum pooling", between(FixedIsometry.maxPooling(2), n, 0));
            layers.put("scaled pooling", between(FixedIsometry.scaledPooling(2), n, 0));
        }
        if (n % 16 == 0) {
            layers.put("| GroupSort(16)", between(FixedIsometry.groupSort(16), n, n));
        }
    }

    /** A layer after an orthogonal one with so many units, and before one if there are any. */
    static SequentialBlock between(Block layer, int units, int outer) {
        SequentialBlock network = new SequentialBlock();
        network.add(OrthogonalLinear.builder().setUnits(units).build()).add(layer);
        if (outer > 0) {
            network.add(OrthogonalLinear.builder().setUnits(outer).build());
        }
        return network;
    }

    /** Initialises with random biases, angles and skew-symmetric matrices. */
    static void initialize(Block block, NDManager manager, DataType type, int n) {
        block.setInitializer(new NormalInitializer(0.3f), Parameter.Type.BIAS);
        block.setInitializer(
                new NormalInitializer(0.5f),
                p -> p.getName().endsWith("angles") || p.getName().endsWith("skew"));
        block.initialize(manager, type, new Shape(1, n));
    }

    /** The largest entry of J^T J - I, or J J^T - I where there are fewer outputs than inputs. */
    static double deviation(Block block, NDManager manager, NDArray point) {
        return deviation(JacobianSpectrum.jacobian(block, manager, point));
    }

    /**
     * The same, of a Jacobian made of one pass per row. Within rounding of a kink the copies of a
     * point in one batch may fall on different sides, as products round rows differently.
     */
    static double deviationRowByRow(Block block, NDManager manager, NDArray point) {
        Shape[] input = {new Shape(1, point.size())};
        int p = (int) block.getOutputShapes(input)[0].get(1);
        NDArray identity = manager.eye(p).toType(point.getDataType(), false);
        NDList rows = new NDList();
        for (int i = 0; i < p; i++) {
            rows.add(pullback(block, point, identity.get(i)));
        }
        return deviation(NDArrays.stack(rows));
    }

    private static double deviation(NDArray jacobian) {
        NDArray j = jacobian.toType(DataType.FLOAT64, true);
        boolean wide = j.getShape().get(0) < j.getShape().get(1);
        return offIdentity(wide ? j.matMul(j.transpose()) : j.transpose().matMul(j));
    }

    /** The largest entry of G - I. */
    static double offIdentity(NDArray gram) {
        int n = (int) gram.getShape().get(0);
        NDArray identity = gram.getManager().eye(n).toType(gram.getDataType(), false);
        return gram.sub(identity).abs().toType(DataType.FLOAT64, false).max().getDouble();
    }

    static NDArray forward(Block block, NDArray x) {
        ParameterStore store = new ParameterStore(x.getManager(), false);
        return block.forward(store, new NDList(x), false).singletonOrThrow();
    }

    /** J^T g at a point [n], for g [p]. */
    static NDArray pullback(Block block, NDArray point, NDArray g) {
        NDArray x = point.expandDims(0).duplicate();
        x.setRequiresGradient(true);
        ParameterStore store = new ParameterStore(point.getManager(), false);
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray y = block.forward(store, new NDList(x), true).singletonOrThrow();
            collector.backward(y.mul(g.expandDims(0)).sum());
        }
        return x.getGradient().squeeze(0).duplicate();
    }

    /** Rounding of a few products of length n: what the deviation may be. */
    static double tolerance(DataType type, long n) {
        return type == DataType.FLOAT64 ? 1e-13 * n : 3e-6 * Math.sqrt(n);
    }

    /** Muon, or AdamW, with weight decay. */
    static TrainingConfig decaying(boolean spectral) {
        Optimizer optimizer =
                spectral
                        ? Muon.builder().optWeightDecays(0.1f).build()
                        : DecoupledAdamW.builder()
                                .optLearningRateTracker(Tracker.fixed(0.01f))
                                .optWeightDecays(0.1f)
                                .build();
        return new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(optimizer);
    }

    /** A step towards the goal; the loss before it. */
    static double step(Trainer trainer, NDArray x, NDArray goal) {
        double value;
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDArray loss =
                    trainer.getLoss().evaluate(new NDList(goal), trainer.forward(new NDList(x)));
            collector.backward(loss);
            value = loss.getFloat();
        }
        trainer.step();
        return value;
    }

    static double norm(NDArray v) {
        return v.toType(DataType.FLOAT64, true).norm().getDouble();
    }
}

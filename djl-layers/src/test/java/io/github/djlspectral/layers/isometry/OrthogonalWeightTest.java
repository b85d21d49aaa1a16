package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.IsometryCatalogue.offIdentity;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.step;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.AdamW;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights stay orthogonal whatever an optimizer does to their parameters. */
class OrthogonalWeightTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static SequentialBlock network(Parametrization way) {
        SequentialBlock network = new SequentialBlock();
        for (int units : new int[] {12, 20, 20, 7}) { // from 12: square, tall, square and wide
            network.add(OrthogonalLinear.builder().setUnits(units).optParametrization(way).build());
            network.add(FixedIsometry.shiftedAbs(0.5));
        }
        return network;
    }

    private static double worst(Block network, NDManager manager) {
        double worst = 0;
        for (Block child : network.getChildren().values()) {
            if (child instanceof OrthogonalLinear linear) {
                worst = Math.max(worst, offOrthonormal(linear.effectiveWeight(manager)));
            }
        }
        return worst;
    }

    private static double offOrthonormal(NDArray w) {
        boolean wide = w.getShape().get(0) <= w.getShape().get(1);
        return offIdentity(wide ? w.matMul(w.transpose()) : w.transpose().matMul(w));
    }

    private static List<Supplier<Optimizer>> optimizers() {
        Tracker rate = Tracker.fixed(0.01f);
        return List.of(
                () -> Muon.builder().optWeightDecays(0.1f).build(),
                () ->
                        DecoupledAdamW.builder()
                                .optLearningRateTracker(rate)
                                .optWeightDecays(0.5f)
                                .build(),
                () -> Optimizer.adam().optLearningRateTracker(rate).build(),
                () -> AdamW.builder().optLearningRateTracker(rate).optWeightDecays(0.5f).build(),
                () -> Optimizer.sgd().setLearningRateTracker(rate).optWeightDecays(0.1f).build());
    }

    private static void train(Model model, Optimizer optimizer, int steps, double tolerance) {
        NDManager manager = model.getNDManager();
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(optimizer);
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 12));
            NDArray x = manager.randomNormal(new Shape(16, 12));
            NDArray goal = manager.randomNormal(new Shape(16, 7));
            for (int i = 0; i < steps; i++) {
                step(trainer, x, goal);
            }
            assertThat(worst(model.getBlock(), manager)).isLessThan(tolerance);
        }
    }

    @ParameterizedTest
    @EnumSource(value = Parametrization.class, mode = EnumSource.Mode.EXCLUDE, names = "INITIAL")
    void staysOrthogonalUnderEveryOptimizer(Parametrization way) {
        for (Supplier<Optimizer> optimizer : optimizers()) {
            try (Model model = Model.newInstance("network", "PyTorch")) {
                model.setBlock(network(way));
                train(model, optimizer.get(), 20, 9e-6); // 2e-6 sqrt(20)
            }
        }
    }

    /** As exact as at the beginning, right after a step too: what is asked for is retracted. */
    @Test
    void retractionLeavesOnlyRounding() {
        int n = 257;
        try (Model model = Model.newInstance("fold", "PyTorch")) {
            ResidualFold fold = ResidualFold.builder().setWidth(n).optInitialBias(0).build();
            model.setBlock(fold);
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(0.001f)).build();
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(adam);
            NDManager manager = model.getNDManager();
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, n));
                NDArray x = manager.randomNormal(new Shape(32, n));
                for (int i = 0; i < 8; i++) {
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDList y = trainer.forward(new NDList(x));
                        collector.backward(trainer.getLoss().evaluate(new NDList(x.abs()), y));
                    }
                    trainer.step();
                    NDArray w = fold.effectiveWeight(manager);
                    assertThat(offIdentity(w.matMul(w.transpose()))).isLessThan(3e-6);
                    assertThat(IsometryCatalogue.deviation(fold, manager, x.get(0)))
                            .isLessThan(2e-6 * Math.sqrt(n));
                }
            }
        }
    }

    /** A step decays every parameter by a fifth, of vectors too: DJL's AdamW spares none. */
    @ParameterizedTest
    @EnumSource(
            value = Parametrization.class,
            names = {"CAYLEY", "EXPONENTIAL", "HOUSEHOLDER"})
    void heavyDecayOfFreeParametersIsHarmless(Parametrization way) {
        AdamW optimizer =
                AdamW.builder()
                        .optLearningRateTracker(Tracker.fixed(0.01f))
                        .optWeightDecays(20)
                        .build();
        try (Model model = Model.newInstance("network", "PyTorch")) {
            model.setBlock(network(way));
            train(model, optimizer, 300, 2e-5);
        }
    }

    /** Only directions of reflectors matter, down to where there are none. */
    @Test
    void shrinkingReflectorsChangesNothing() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalLinear linear = householder(manager, DataType.FLOAT64);
            NDArray v = linear.getParameters().get("reflectors").getArray();
            NDArray before = linear.effectiveWeight(manager);
            for (int i = 0; i < 100; i++) {
                v.muli(1e-3); // 1e-300 in the end
                NDArray change = linear.effectiveWeight(manager).sub(before);
                assertThat(change.abs().max().getDouble()).isLessThan(1e-14);
            }
        }
    }

    @Test
    void aReflectorOfLengthZeroReflectsNothing() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalLinear linear = householder(manager, DataType.FLOAT32);
            NDArray v = linear.getParameters().get("reflectors").getArray();
            NDArray base = linear.getParameters().get("base").getArray();
            v.set(new NDIndex("::6"), 0); // the first column of [9, 6]
            NDArray w = linear.effectiveWeight(manager);
            assertThat(offIdentity(w.matMul(w.transpose()))).isLessThan(5e-6);
            v.muli(0);
            assertThat(linear.effectiveWeight(manager)).isEqualTo(base);
            NDArray x = manager.randomNormal(new Shape(2, 9));
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                collector.backward(pass(linear, x).sum());
            }
            assertThat(v.getGradient().isNaN().any().getBoolean()).isFalse();
        }
    }

    private static OrthogonalLinear householder(NDManager manager, DataType type) {
        OrthogonalLinear linear =
                OrthogonalLinear.builder()
                        .setUnits(6)
                        .optParametrization(Parametrization.HOUSEHOLDER)
                        .build();
        linear.initialize(manager, type, new Shape(1, 9));
        return linear;
    }

    private static NDArray pass(Block block, NDArray x) {
        ParameterStore store = new ParameterStore(x.getManager(), false);
        return block.forward(store, new NDList(x), true).singletonOrThrow();
    }

    /** Reflections in a plane, by hand: W = W_0 H_1 H_2. */
    @Test
    void reflectorsByHand() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray v = manager.create(new double[] {1, 3, 0, 3}, new Shape(4)); // (1,0), (3,3)
            NDArray base = manager.eye(2).toType(DataType.FLOAT64, false);
            NDArray w =
                    OrthogonalWeight.KERNELS
                            .call(manager, "householder", v, base)
                            .singletonOrThrow();
            // diag(-1, 1) times the exchange with signs, [[0, -1], [-1, 0]]
            assertThat(w.toDoubleArray())
                    .containsExactly(new double[] {0, 1, -1, 0}, within(1e-15));
        }
    }

    /** The next training pass sees every way to change a weight, fused optimizers included. */
    @ParameterizedTest
    @ValueSource(ints = {7, 12, 20})
    void retractionSeesEveryChange(int units) {
        List<Consumer<NDArray>> changes = new ArrayList<>();
        changes.add(w -> w.muli(1.1));
        changes.add(w -> w.set(w.mul(0.9).toFloatArray()));
        changes.add(w -> w.mul(1.2).copyTo(w));
        changes.add(w -> w.set(new NDIndex("0, 0"), 0.3f));
        changes.add(w -> w.get("1").addi(0.05));
        changes.add(w -> w.addi(w.getManager().randomNormal(w.getShape()).mul(1e-4)));
        for (Supplier<Optimizer> optimizer : optimizers()) {
            changes.add(w -> optimizer.get().update("w", w, w.getManager().ones(w.getShape())));
        }
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalLinear linear = OrthogonalLinear.builder().setUnits(units).build();
            Block network = new SequentialBlock().add(linear);
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 12));
            NDArray w = linear.getParameters().get("weight").getArray();
            NDArray x = manager.randomNormal(new Shape(2, 12));
            for (Consumer<NDArray> change : changes) {
                pass(linear, x);
                assertThat(offOrthonormal(w)).isLessThan(2e-6);
                NDArray before = w.duplicate();
                pass(linear, x);
                assertThat(w).isEqualTo(before);
                change.accept(w);
                assertThat(offOrthonormal(w)).isGreaterThan(5e-5);
            }
            pass(linear, x);
            assertThat(offOrthonormal(w)).isLessThan(2e-6);
            w.muli(Float.NaN);
            assertThatIllegalStateException()
                    .isThrownBy(() -> pass(linear, x))
                    .withMessageContaining("lower the learning rate");
        }
    }

    /** The trainer of a loaded model thaws every parameter; what is frozen here stays so. */
    @ParameterizedTest
    @EnumSource(
            value = Parametrization.class,
            names = {"CAYLEY", "HOUSEHOLDER"})
    void aLoadedModelsBaseStaysFrozen(Parametrization way, @TempDir Path folder)
            throws IOException, MalformedModelException {
        try (Model model = Model.newInstance("network", "PyTorch")) {
            SequentialBlock network = network(way);
            network.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 12));
            model.setBlock(network);
            model.save(folder, "network");
        }
        try (Model model = Model.newInstance("network", "PyTorch")) {
            model.setBlock(network(way));
            model.load(folder);
            AdamW optimizer = AdamW.builder().optWeightDecays(20).build();
            train(model, optimizer, 20, 2e-5);
            for (Parameter parameter : model.getBlock().getParameters().values()) {
                assertThat(parameter.requiresGradient())
                        .isEqualTo(!parameter.getName().equals("base"));
            }
        }
    }
}

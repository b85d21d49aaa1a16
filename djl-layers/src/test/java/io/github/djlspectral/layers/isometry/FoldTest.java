package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.IsometryCatalogue.decaying;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviation;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.forward;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.step;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.Trainer;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class FoldTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    /** One of each family, and each way to keep it orthogonal; biases of both signs. */
    private static List<Block> folds(int n) {
        List<Block> folds = new ArrayList<>();
        for (Parametrization way : Parametrization.values()) {
            folds.add(
                    ResidualFold.builder()
                            .setWidth(n)
                            .optInitialBias(0.1f)
                            .optParametrization(way)
                            .build());
            folds.add(AbsFold.builder().setWidth(n).optParametrization(way).build());
        }
        folds.add(ResidualFold.builder().setWidth(n).optRows((n + 1) / 2).build());
        for (double[] slopes : new double[][] {{0, 1}, {0.01, 1}, {0.5, 1}, {-1, 1}, {2, -3}}) {
            folds.add(
                    TwoSlopeFold.builder()
                            .setWidth(n)
                            .optRows((n + 2) / 3)
                            .setSlopes(slopes[0], slopes[1])
                            .optInitialBias(-0.1f)
                            .build());
        }
        return folds;
    }

    /** A millionth beside the hyperplane of the first row, on both sides. */
    @ParameterizedTest
    @ValueSource(doubles = {-1e-6, 1e-6})
    void theJacobianIsOrthogonalBesideAKink(double distance) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ResidualFold fold = ResidualFold.builder().setWidth(16).optInitialBias(0.25f).build();
            fold.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
            NDArray normal = fold.effectiveWeight(manager).get(0);
            NDArray point = manager.randomNormal(0, 1, new Shape(16), DataType.FLOAT64);
            double height = point.mul(normal).sum().getDouble() + 0.25;
            NDArray beside = point.sub(normal.mul(height - distance));
            assertThat(deviation(fold, manager, beside)).isLessThan(1e-13 * 16);
            NDArray j = JacobianSpectrum.jacobian(fold, manager, beside);
            // the first row fires on one side only: its normal is reflected there
            double along = j.matMul(normal.expandDims(1)).squeeze(1).mul(normal).sum().getDouble();
            assertThat(along).isCloseTo(distance > 0 ? -1 : 1, within(1e-12));
        }
    }

    /** What must fail the check does: ReLU after an orthogonal matrix, and 1.9 in place of 2. */
    @Test
    void theCheckSeesWhatIsNotIsometric() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Linear linear = Linear.builder().setUnits(16).optBias(false).build();
            linear.setInitializer(new OrthogonalInitializer(), Parameter.Type.WEIGHT);
            Block feedforward = new SequentialBlock().add(linear).add(Activation::relu);
            feedforward.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
            NDArray point = manager.randomNormal(0, 1, new Shape(16), DataType.FLOAT64);
            assertThat(deviation(feedforward, manager, point)).isGreaterThan(0.3);

            ResidualFold fold =
                    ResidualFold.builder()
                            .setWidth(16)
                            .optInitialBias(0)
                            .optParametrization(Parametrization.INITIAL)
                            .build();
            fold.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
            NDArray weight = fold.getParameters().get("weight").getArray();
            weight.muli(Math.sqrt(0.95)); // 2 W^T relu(W x) becomes 1.9 W^T relu(W x)
            // J^T J - I = -0.19 on every direction that fires
            assertThat(deviation(fold, manager, point)).isBetween(0.03, 0.2);
        }
    }

    /** Literally, at a bias that has moved: then the slopes matter. */
    @ParameterizedTest
    @CsvSource({
        "0, 1, false",
        "0.1, 1, false",
        "0.1, 1, true",
        "-1, 1, true",
        "2, -3, true",
        "1, 0, true"
    })
    void twoSlopesAreTheGeneralLayer(double below, double above, boolean independent) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Parametrization way : List.of(Parametrization.INITIAL, Parametrization.CAYLEY)) {
                TwoSlopeFold fold =
                        TwoSlopeFold.builder()
                                .setWidth(9)
                                .optRows(4)
                                .setSlopes(below, above)
                                .optInitialBias(0.5f)
                                .optIndependent(independent)
                                .optParametrization(way)
                                .build();
                fold.initialize(manager, DataType.FLOAT64, new Shape(1, 9));
                NDArray b = fold.getParameters().get("bias").getArray();
                manager.create(new double[] {0.1, 0.9, -0.3, 0.5}).copyTo(b);
                NDArray x = manager.randomNormal(0, 1, new Shape(6, 9), DataType.FLOAT64);
                NDArray w = fold.effectiveWeight(manager); // V^T
                NDArray q = manager.eye(9).toType(DataType.FLOAT64, false);
                if (independent) {
                    String name = way == Parametrization.INITIAL ? "turn_weight" : "turn_base";
                    q = fold.getParameters().get(name).getArray();
                }
                NDArray u = q.matMul(w.transpose());
                NDArray m = q.sub(u.matMul(w));
                double kappa = (below + above) / (above - below);
                double tau = 2 / (above - below);
                NDArray skip = x.matMul(w.transpose());
                NDArray z = skip.add(b);
                NDArray slopes = z.gt(0).toType(DataType.FLOAT64, true).mul(above - below);
                NDArray sigma = z.mul(slopes.add(below));
                NDArray along = sigma.mul(tau).sub(skip.mul(kappa)).sub(0.5 * (1 + kappa));
                NDArray expected = x.matMul(m.transpose()).add(along.matMul(u.transpose()));
                NDArray difference = forward(fold, x).sub(expected).abs();
                assertThat(difference.max().getDouble()).isLessThan(1e-13 * (1 + Math.abs(tau)));
            }
        }
    }

    /** 2.1 of the characterisation: perturbing each factor of the two-slope layer is seen. */
    @Test
    void theTwoSlopeLayersConditionsAreNecessary() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TwoSlopeFold fold =
                    TwoSlopeFold.builder()
                            .setWidth(12)
                            .optRows(5)
                            .setSlopes(0.2, 1)
                            .optInitialBias(0)
                            .optParametrization(Parametrization.INITIAL)
                            .build();
            fold.initialize(manager, DataType.FLOAT64, new Shape(1, 12));
            NDArray weight = fold.getParameters().get("weight").getArray();
            NDArray before = weight.duplicate();
            // on the negative side of every row: the other side is not reflected
            NDArray point = before.sum(new int[] {0}).mul(-1);
            assertThat(deviation(fold, manager, point)).isLessThan(1e-13);
            NDArray first = manager.eye(5).get(0).reshape(5, 1).toType(DataType.FLOAT64, false);
            NDArray longer = before.get(":1").mul(0.05);
            NDArray turned =
                    before.get(":1")
                            .mul(Math.cos(0.05) - 1)
                            .add(before.get("1:2").mul(Math.sin(0.05)));
            // (iii): the length of a row; (ii): the angle between two
            for (NDArray change : new NDArray[] {longer, turned}) {
                weight.addi(first.matMul(change));
                assertThat(deviation(fold, manager, point)).isGreaterThan(1e-3);
                weight.subi(first.matMul(change));
            }
            assertThat(deviation(fold, manager, point)).isLessThan(1e-13);
        }
    }

    /** Fifty steps of an optimizer, with weight decay. */
    @ParameterizedTest
    @EnumSource(value = Parametrization.class, mode = EnumSource.Mode.EXCLUDE, names = "INITIAL")
    void stayOrthogonalUnderMuonAndAdamW(Parametrization way) {
        for (boolean spectral : new boolean[] {true, false}) {
            SequentialBlock network = new SequentialBlock();
            for (int i = 0; i < 4; i++) {
                network.add(
                        ResidualFold.builder()
                                .setWidth(20)
                                .optParametrization(way)
                                .optInitialBias(0)
                                .build());
            }
            try (Model model = Model.newInstance("folds", "PyTorch")) {
                model.setBlock(network);
                try (Trainer trainer = model.newTrainer(decaying(spectral))) {
                    trainer.initialize(new Shape(1, 20));
                    checkTraining(trainer, network, model.getNDManager());
                }
            }
        }
    }

    private static void checkTraining(Trainer trainer, SequentialBlock network, NDManager manager) {
        NDArray x = manager.randomNormal(new Shape(64, 20));
        NDArray goal = x.abs();
        double first = step(trainer, x, goal);
        double last = first;
        for (int i = 0; i < 50; i++) {
            last = step(trainer, x, goal);
        }
        assertThat(last).isLessThan(0.8 * first);
        for (var child : network.getChildren()) {
            NDArray w = ((Fold) child.getValue()).effectiveWeight(manager);
            NDArray error = w.matMul(w.transpose()).sub(manager.eye(20));
            assertThat(error.abs().max().getFloat()).isLessThan(2e-5f);
        }
    }

    @Test
    void nothingIsLeftBehind() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Block fold : folds(8)) {
                fold.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
                NDArray x = manager.randomNormal(new Shape(3, 8));
                forward(fold, x).close();
                int before = manager.getManagedArrays().size();
                for (int i = 0; i < 20; i++) {
                    forward(fold, x).close();
                }
                assertThat(manager.getManagedArrays()).as(fold.toString()).hasSize(before);
            }
        }
    }

    @Test
    void badValuesAreNamed() {
        refused(() -> ResidualFold.builder().build(), "width must be at least 1, was 0");
        refused(() -> ResidualFold.builder().setWidth(4).optRows(5).build(), "[1, 4]");
        refused(() -> ResidualFold.builder().optRows(0), "at least 1, was 0");
        refused(() -> AbsFold.builder().setWidth(4).optInitialBias(Float.NaN).build(), "NaN");
        refused(() -> TwoSlopeFold.builder().setWidth(4).setSlopes(1, 1).build(), "1.0 and 1.0");
        refused(() -> TwoSlopeFold.builder().setWidth(4).build(), "slopes");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AbsFold fold = AbsFold.builder().setWidth(4).build();
            fold.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            refused(() -> forward(fold, manager.ones(new Shape(2, 5))), "[.., 4]");
        }
    }

    private static void refused(ThrowingCallable call, String text) {
        assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(text);
    }
}

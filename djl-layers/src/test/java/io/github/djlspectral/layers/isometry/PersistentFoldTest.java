package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.IsometryCatalogue.norm;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.pullback;
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
import ai.djl.nn.SequentialBlock;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.AdamW;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Mostly at depth 200, width 64, 8 protected directions, float64. */
class PersistentFoldTest {

    private static final int WIDTH = 64;
    private static final int DIRECTIONS = 8;

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static SequentialBlock deep(
            NDManager manager, Persistence persistence, boolean lipschitz) {
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < 200; i++) {
            network.add(
                    PersistentFold.builder()
                            .setWidth(WIDTH)
                            .setDirections(DIRECTIONS)
                            .optPersistence(persistence)
                            .optLipschitz(lipschitz)
                            .build());
        }
        network.initialize(manager, DataType.FLOAT64, new Shape(1, WIDTH));
        return network;
    }

    private static NDArray protectedDirections(SequentialBlock network, NDManager manager) {
        PersistentFold first = (PersistentFold) network.getChildren().values().get(0);
        return first.protectedDirections(manager);
    }

    private static NDArray point(NDManager manager, int n) {
        return manager.randomNormal(0, 1, new Shape(n), DataType.FLOAT64);
    }

    @Test
    void backwardKeepsGradientsWithinTheSubspace() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = deep(manager, Persistence.BACKWARD, false);
            NDArray b = protectedDirections(network, manager);
            for (int i = 0; i < 4; i++) {
                NDArray c = point(manager, DIRECTIONS);
                NDArray g = c.expandDims(0).matMul(b).squeeze(0);
                NDArray back = pullback(network, point(manager, WIDTH), g);
                assertThat(norm(back) / norm(g)).isCloseTo(1, within(1e-12));
            }
            // others do not keep theirs
            NDArray g = point(manager, WIDTH);
            NDArray out = g.sub(g.expandDims(0).matMul(b.transpose()).matMul(b).squeeze(0));
            NDArray back = pullback(network, point(manager, WIDTH), out);
            assertThat(Math.abs(norm(back) / norm(out) - 1)).isGreaterThan(0.1);
        }
    }

    @Test
    void forwardHasSingularValuesOfOneOrMore() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = deep(manager, Persistence.FORWARD, false);
            NDArray j = JacobianSpectrum.jacobian(network, manager, point(manager, WIDTH));
            NDArray within = j.matMul(protectedDirections(network, manager).transpose());
            NDArray gram = within.transpose().matMul(within);
            assertThat(IsometryCatalogue.offIdentity(gram)).isLessThan(1e-11);
            double[] s =
                    JacobianSpectrum.singularValues(network, manager, point(manager, WIDTH))
                            .toDoubleArray();
            assertThat(s[DIRECTIONS - 1]).isGreaterThan(1 - 1e-12);
        }
    }

    @Test
    void blockDiagonalIsIsometricWithinAndContractsTheRest() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = deep(manager, Persistence.BLOCK_DIAGONAL, true);
            NDArray x = point(manager, WIDTH);
            double[] s = JacobianSpectrum.singularValues(network, manager, x).toDoubleArray();
            for (int i = 0; i < DIRECTIONS; i++) {
                assertThat(s[i]).isCloseTo(1, within(1e-12));
            }
            assertThat(s[DIRECTIONS]).isLessThan(0.9);
            NDArray j = JacobianSpectrum.jacobian(network, manager, x);
            NDArray v = protectedDirections(network, manager).transpose();
            NDArray again = j.transpose().matMul(j.matMul(v));
            assertThat(again.sub(v).abs().max().getDouble()).isLessThan(1e-12);
        }
    }

    @Test
    void blockDiagonalLosesNoMoreThanTheRest() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = deep(manager, Persistence.BLOCK_DIAGONAL, false);
            NDArray b = protectedDirections(network, manager);
            for (int i = 0; i < 4; i++) {
                NDArray g = point(manager, WIDTH);
                double part = norm(g.expandDims(0).matMul(b.transpose()));
                double back = norm(pullback(network, point(manager, WIDTH), g));
                assertThat(back).isGreaterThan(part * (1 - 1e-12));
            }
        }
    }

    /** Whatever training and heavy decay do to the rest. */
    @ParameterizedTest
    @EnumSource(Persistence.class)
    void trainingLeavesTheSubspaceAlone(Persistence persistence) {
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < 4; i++) {
            network.add(
                    PersistentFold.builder()
                            .setWidth(12)
                            .setDirections(3)
                            .optPersistence(persistence)
                            .build());
        }
        AdamW optimizer =
                AdamW.builder()
                        .optLearningRateTracker(Tracker.fixed(0.01f))
                        .optWeightDecays(5)
                        .build();
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(optimizer);
        try (Model model = Model.newInstance("network", "PyTorch")) {
            model.setBlock(network);
            NDManager manager = model.getNDManager();
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 12));
                NDArray before = protectedDirections(network, manager);
                NDArray x = manager.randomNormal(new Shape(16, 12));
                for (int i = 0; i < 30; i++) {
                    step(trainer, x, x.abs());
                }
                NDArray b = protectedDirections(network, manager);
                assertThat(b).isEqualTo(before);
                NDArray j = JacobianSpectrum.jacobian(network, manager, x.get(0));
                NDArray within =
                        persistence == Persistence.BACKWARD
                                ? b.matMul(j) // J^T on S
                                : j.matMul(b.transpose()).transpose();
                NDArray gram = within.matMul(within.transpose());
                assertThat(IsometryCatalogue.offIdentity(gram)).isLessThan(1e-5);
            }
        }
    }

    @Test
    void theSubspaceIsTheSeeds() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray[] rows = new NDArray[3];
            for (int i = 0; i < 3; i++) {
                PersistentFold fold =
                        PersistentFold.builder()
                                .setWidth(6)
                                .setDirections(2)
                                .optSeed(i / 2)
                                .build();
                fold.initialize(manager, DataType.FLOAT32, new Shape(1, 6));
                rows[i] = fold.protectedDirections(manager);
            }
            assertThat(rows[1]).isEqualTo(rows[0]);
            assertThat(rows[2]).isNotEqualTo(rows[0]);
        }
    }

    @Test
    void badValuesAreNamed() {
        refused(PersistentFold.builder(), "width must be at least 1, was 0");
        refused(PersistentFold.builder().setWidth(4), "[1, 4], was 0");
        refused(PersistentFold.builder().setWidth(4).setDirections(5), "[1, 4], was 5");
        refused(
                PersistentFold.builder()
                        .setWidth(4)
                        .setDirections(1)
                        .optLipschitz(true)
                        .optPersistence(Persistence.FORWARD),
                "not FORWARD");
    }

    private static void refused(PersistentFold.Builder builder, String text) {
        assertThatIllegalArgumentException().isThrownBy(builder::build).withMessageContaining(text);
    }
}

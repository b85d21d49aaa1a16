package io.github.djlspectral.layers.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlowSimulatorTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static NDArray tokens(NDManager manager, int n, int d) {
        NDArray x = manager.randomNormal(0, 1, new Shape(n, d), DataType.FLOAT64);
        return x.div(x.norm(new int[] {1}, true));
    }

    private static NDArray identities(NDManager manager, int heads, int d) {
        return manager.eye(d).toType(DataType.FLOAT64, false).expandDims(0).repeat(0, heads);
    }

    private static FlowSimulator.Builder simulator(NDManager manager, int n, int d, int heads) {
        return FlowSimulator.builder()
                .setTokens(tokens(manager, n, d))
                .setWeights(identities(manager, heads, d))
                .setDrift(Drift.oscillating())
                .setStepSize(0.01)
                .setSteps(50);
    }

    /** The identity with the exact dissipation: an error of first order in the step size. */
    @ParameterizedTest
    @CsvSource({"2,1", "2,4", "2,16", "3,1", "3,4", "3,16", "5,1", "5,4", "5,16"})
    void halvingTheStepHalvesTheResidual(int dimension, int heads) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator.Builder builder = simulator(manager, 24, dimension, heads);
            double before = Double.NaN;
            for (int halvings = 0; halvings < 4; halvings++) {
                FlowRecord record =
                        builder.setStepSize(Math.scalb(1e-2, -halvings))
                                .setSteps(200 << halvings)
                                .optRecordEvery(200 << halvings)
                                .build()
                                .run();
                double residual = record.residual()[1];
                if (halvings > 0) {
                    assertThat(before / residual)
                            .as("dt = %s", record.time()[1])
                            .isCloseTo(2, within(0.3));
                }
                before = residual;
            }
        }
    }

    /** The published slope is the dissipation for one head; for four the gap stays. */
    @Test
    void theSlopeIsNotTheDissipationOfSeveralHeads() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int heads : new int[] {1, 4}) {
                NDArray raw = manager.randomNormal(0, 2, new Shape(heads, 3, 3), DataType.FLOAT64);
                FlowRecord record =
                        simulator(manager, 24, 3, heads)
                                .setWeights(raw.add(raw.transpose(0, 2, 1)).div(2))
                                .setStepSize(1.25e-3)
                                .setSteps(1600)
                                .optRecordEvery(1600)
                                .build()
                                .run();
                double change = Math.abs(record.energy()[1] - record.energy()[0]);
                double gap = Math.abs(record.slopeResidual()[1]) / change;
                if (heads == 1) {
                    assertThat(record.slope()[1]).isCloseTo(record.dissipation()[1], within(1e-13));
                } else {
                    assertThat(gap).isGreaterThan(0.02);
                    assertThat(Math.abs(record.residual()[1]) / change).isLessThan(gap / 5);
                }
            }
        }
    }

    @Test
    void pathsAreSeededIndependentAndDoNotDependOnTheirNumber() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator simulator =
                    simulator(manager, 8, 3, 2)
                            .setDrift(Drift.ornsteinUhlenbeck())
                            .optNoiseVariance(2)
                            .optSeed(7)
                            .build();
            List<FlowRecord> three = simulator.runPaths(3);
            assertThat(simulator.run().energy()).containsExactly(three.get(0).energy());
            assertThat(simulator.runPaths(3).get(2).energy())
                    .containsExactly(three.get(2).energy());
            assertThat(three.get(1).energy()).isNotEqualTo(three.get(0).energy());
        }
    }

    /**
     * Stationary weights of dD = (I - D) dt + sigma dW have variance sigma^2/2, half off diagonal.
     */
    @Test
    void theNoiseHasTheStatedVariance() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            List<FlowRecord> paths =
                    simulator(manager, 1, 2, 200)
                            .setDrift(Drift.ornsteinUhlenbeck())
                            .optNoiseVariance(2)
                            .setStepSize(0.01)
                            .setSteps(600)
                            .optRecordEvery(600)
                            .build()
                            .runPaths(10);
            double diagonal = 0;
            double beside = 0;
            for (FlowRecord path : paths) {
                NDArray deviation = path.weights().sub(identities(manager, 200, 2));
                NDArray squares = deviation.square().mean(new int[] {0});
                diagonal += squares.getDouble(0, 0) / 10;
                beside += squares.getDouble(0, 1) / 10;
                assertThat(deviation).isEqualTo(deviation.transpose(0, 2, 1));
            }
            // 2,000 draws: a standard error of 3%; the step size adds 0.5%
            assertThat(diagonal).isCloseTo(1, within(0.13));
            assertThat(beside).isCloseTo(0.5, within(0.065));
        }
    }

    @Test
    void recordsBeginEndAndEvery() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowRecord record =
                    simulator(manager, 4, 3, 1).setSteps(25).optRecordEvery(10).build().run();
            assertThat(record.time()).containsExactly(0, 0.1, 0.2, 0.25);
            assertThat(record.tokens().getShape()).isEqualTo(new Shape(4, 4, 3));
        }
    }

    @Test
    void leavesNothingBehindButTheRecord() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator simulator = simulator(manager, 4, 3, 2).setSteps(500).build();
            int before = manager.getManagedArrays().size();
            simulator.run();
            assertThat(manager.getManagedArrays()).hasSize(before + 2);
        }
    }

    @Test
    void aTargetOfOnesOwn() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[][] target = {{2, 1}, {1, 3}};
            FlowRecord record =
                    simulator(manager, 4, 2, 1)
                            .setDrift(Drift.towards(4, (head, heads, d, time) -> target))
                            .setSteps(1000)
                            .optRecordEvery(1000)
                            .build()
                            .run();
            // exp(-4 * 10)
            assertThat(record.weights().toDoubleArray())
                    .usingComparatorWithPrecision(1e-12)
                    .containsExactly(2, 1, 1, 3);
        }
    }

    @Test
    void theMeanSlopeIsOverTime() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowRecord record = simulator(manager, 4, 2, 1).optRecordEvery(20).build().run();
            assertThat(record.meanSlope()).isEqualTo(record.slopeIntegral()[3] / 0.5);
        }
    }

    /** Of four dimensions and more, entry by entry. */
    @Test
    void rotatingTargetsAreTheDocumented() {
        double[][] target = Drift.oscillating().target(1, 3, 5, 0.7);
        double t = 0.7 + 2 * Math.PI / 3;
        int pair = 0;
        for (int i = 0; i < 5; i++) {
            double diagonal = 2 + 1.5 * Math.cos(t + 2 * Math.PI * i / 5);
            assertThat(target[i][i]).isCloseTo(diagonal, within(1e-14));
            for (int j = i + 1; j < 5; j++, pair++) {
                double beside = Math.sin(2 * t + 2 * Math.PI * pair / 10);
                assertThat(target[i][j]).isEqualTo(target[j][i]).isCloseTo(beside, within(1e-14));
            }
        }
    }

    @Test
    void badInputIsNamed() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator.Builder builder = simulator(manager, 4, 3, 2);
            refused(
                    builder.setTokens(manager.zeros(new Shape(4, 3))),
                    "Token 0 must have length 1");
            refused(builder.setTokens(manager.ones(new Shape(0, 3))), "[n, d]");
            refused(builder.setTokens(manager.ones(new Shape(3))), "(3)");
            NDArray nan = tokens(manager, 4, 3);
            nan.setScalar(new NDIndex(2, 1), Double.NaN);
            refused(builder.setTokens(nan), "Token 2");
            builder.setTokens(tokens(manager, 4, 3));
            NDArray asymmetric = identities(manager, 2, 3);
            asymmetric.setScalar(new NDIndex(1, 0, 2), 0.5);
            refused(builder.setWeights(asymmetric), "symmetric");
            refused(builder.setWeights(identities(manager, 2, 4)), "(2, 4, 4)");
            NDArray infinite = identities(manager, 2, 3).mul(Double.POSITIVE_INFINITY);
            refused(builder.setWeights(infinite), "finite");
            builder.setWeights(identities(manager, 2, 3));
            for (double bad : new double[] {0, -0.1, Double.NaN}) {
                refused(builder.setStepSize(bad), "step size must be positive and finite");
            }
            builder.setStepSize(0.1);
            refused(builder.setSteps(0), "at least 1, was 0");
            refused(builder.setSteps(5).optRecordEvery(0), "at least 1, was 0");
            refused(builder.optRecordEvery(1).optNoiseVariance(-1), "was -1.0");
            NDArray few = manager.zeros(new Shape(4, 2, 3, 3));
            refused(builder.optNoiseVariance(1).optIncrements(few), "(5, 2, 3, 3)");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Drift.towards(Double.NaN, (h, n, d, t) -> null))
                .withMessageContaining("NaN");
    }

    @Test
    void targetsThatAreNotSymmetricAndFiniteAreRefused() {
        double[][][] targets = {
            {{1, 2}, {3, 1}}, {{1, 2}}, {{1, 2, 3}, {2, 1}}, {{1, 0}, {0, 1 / 0.}}
        };
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (double[][] target : targets) {
                Drift drift = Drift.towards(1, (head, heads, d, time) -> target);
                FlowSimulator simulator = simulator(manager, 3, 2, 1).setDrift(drift).build();
                assertThatIllegalArgumentException()
                        .isThrownBy(simulator::run)
                        .withMessageContaining("target of head 0 at time 0.0 must be a finite");
            }
        }
    }

    /** Each of these products is a positive int if it is not computed in long. */
    @Test
    void whatIsTooLargeForAnArrayIsRefusedBeforeItIsMade() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator.Builder builder = simulator(manager, 4, 4, 4);
            tooLarge(() -> builder.build().runPaths((1 << 26) + 1), "64 x 67108865");
            tooLarge(
                    () -> simulator(manager, 64, 2, 1).build().runPaths((1 << 25) + 1),
                    "the tokens of all paths are 128 x 33554433");
            tooLarge(() -> builder.setSteps((1 << 28) + 1).build().run(), "16 x 268435458");
        }
    }

    private static void tooLarge(ThrowingCallable run, String message) {
        assertThatIllegalArgumentException().isThrownBy(run).withMessageContaining(message);
    }

    /** More increments than are made at a time: the steps of a call are fewer. */
    @Test
    void manyPathsAreSimulatedInSmallerParts() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowSimulator simulator =
                    simulator(manager, 1, 2, 512)
                            .setSteps(40)
                            .optRecordEvery(40)
                            .optNoiseVariance(0.1)
                            .build();
            List<FlowRecord> many = simulator.runPaths(64);
            assertThat(many.get(7).energy()).isEqualTo(simulator.runPaths(8).get(7).energy());
        }
    }

    private static void refused(FlowSimulator.Builder builder, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(builder::build)
                .withMessageContaining(message);
    }
}

package io.github.djlspectral.layers.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

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
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionFlowTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static NDArray tokens(NDManager manager, DataType type, long... shape) {
        NDArray x = manager.randomNormal(0, 1, new Shape(shape), type);
        return x.div(x.norm(new int[] {shape.length - 1}, true));
    }

    private static AttentionFlow initialized(
            AttentionFlow.Builder builder, NDManager manager, DataType type, int dimension) {
        AttentionFlow flow = builder.setDimension(dimension).build();
        flow.initialize(manager, type, new Shape(1, 2, dimension));
        return flow;
    }

    private static NDArray forward(Block block, NDArray tokens, boolean training) {
        ParameterStore store = new ParameterStore(tokens.getManager(), false);
        return block.forward(store, new NDList(tokens), training).singletonOrThrow();
    }

    /** The block does what the simulator, which follows the reference, does with frozen weights. */
    @ParameterizedTest
    @CsvSource({"3,1,1", "5,4,1", "4,2,0.5"})
    void stepsAsTheSimulatorDoes(int dimension, int heads, double temperature) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(
                            AttentionFlow.builder()
                                    .setHeads(heads)
                                    .setSteps(7)
                                    .setStepSize(0.1)
                                    .optTemperature(temperature)
                                    .optSharedWeights(true),
                            manager,
                            DataType.FLOAT64,
                            dimension);
            NDArray x = tokens(manager, DataType.FLOAT64, 2, 9, dimension);
            NDArray w =
                    flow.getParameters()
                            .get(0)
                            .getValue()
                            .getArray()
                            .reshape(heads, dimension, dimension);
            NDArray symmetric = w.add(w.transpose(0, 2, 1)).div(2 * temperature);
            NDArray actual = forward(flow, x, false);
            for (int b = 0; b < 2; b++) {
                FlowRecord record =
                        FlowSimulator.builder()
                                .setTokens(x.get(b))
                                .setWeights(symmetric)
                                .setDrift(Drift.frozen())
                                .setStepSize(0.1 * temperature)
                                .setSteps(7)
                                .build()
                                .run();
                NDArray difference = actual.get(b).sub(record.tokens().get(7));
                assertThat(difference.abs().max().getDouble()).isLessThan(1e-13);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gradientsMatchFiniteDifferences(boolean shared) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(
                            AttentionFlow.builder()
                                    .setHeads(2)
                                    .setSteps(3)
                                    .setStepSize(0.5)
                                    .optSharedWeights(shared),
                            manager,
                            DataType.FLOAT64,
                            3);
            NDArray x = tokens(manager, DataType.FLOAT64, 2, 5, 3);
            NDArray goal = manager.randomNormal(0, 1, x.getShape(), DataType.FLOAT64);
            x.setRequiresGradient(true);
            backward(flow, x, goal);
            NDArray gradient = x.getGradient();
            for (Parameter parameter : flow.getParameters().values()) {
                checkGradient(flow, x, goal, parameter.getArray());
            }
            // along the sphere only: off it the output is a function of the direction alone
            NDArray direction = goal.sub(goal.mul(x).sum(new int[] {2}, true).mul(x));
            double h = 1e-5;
            NDArray ahead = x.add(direction.mul(h));
            NDArray behind = x.sub(direction.mul(h));
            double expected = (value(flow, ahead, goal) - value(flow, behind, goal)) / (2 * h);
            assertThat(gradient.mul(direction).sum().getDouble())
                    .isCloseTo(expected, within(1e-7 * Math.abs(expected)));
        }
    }

    private static void checkGradient(Block flow, NDArray x, NDArray goal, NDArray weight) {
        NDArray gradient = weight.getGradient();
        double h = 1e-5;
        for (long[] at : new long[][] {{0, 0}, {1, 2}, {5, 1}}) {
            NDIndex index = new NDIndex(at);
            double before = weight.getDouble(at);
            weight.setScalar(index, before + h);
            double ahead = value(flow, x, goal);
            weight.setScalar(index, before - h);
            double behind = value(flow, x, goal);
            weight.setScalar(index, before);
            // truncation h^2 and rounding 1e-16 / h
            assertThat(gradient.getDouble(at)).isCloseTo((ahead - behind) / (2 * h), within(1e-8));
        }
    }

    private static double value(Block flow, NDArray x, NDArray goal) {
        return forward(flow, x, false).mul(goal).sum().getDouble();
    }

    private static void backward(Block flow, NDArray x, NDArray goal) {
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.backward(forward(flow, x, true).mul(goal).sum());
        }
    }

    @Test
    void tokensStayOnTheSphereInFloat32() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(
                            AttentionFlow.builder()
                                    .setHeads(4)
                                    .setSteps(1000)
                                    .setStepSize(0.05)
                                    .optSharedWeights(true),
                            manager,
                            DataType.FLOAT32,
                            8);
            NDArray x = forward(flow, tokens(manager, DataType.FLOAT32, 3, 20, 8), false);
            NDArray lengths = x.toType(DataType.FLOAT64, false).norm(new int[] {2});
            assertThat(lengths.sub(1).abs().max().getDouble()).isLessThan(1e-6);
        }
    }

    /** Scores of 1e4 overflow an exponential, in float32 long before; fused attention is immune. */
    @Test
    void hugeWeightsStayFinite() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(
                            AttentionFlow.builder()
                                    .setHeads(2)
                                    .setSteps(3)
                                    .setStepSize(1e-4)
                                    .optTemperature(0.01),
                            manager,
                            DataType.FLOAT32,
                            4);
            for (Parameter parameter : flow.getParameters().values()) {
                parameter.getArray().muli(100);
            }
            NDArray x = tokens(manager, DataType.FLOAT32, 1, 10, 4);
            backward(flow, x, x);
            NDArray gradient = flow.getParameters().get(0).getValue().getArray().getGradient();
            assertThat(forward(flow, x, true).isNaN().any().getBoolean()).isFalse();
            assertThat(gradient.isNaN().any().getBoolean()).isFalse();
        }
    }

    /** Learns the map of another flow, with Muon, in DJL's own way to train. */
    @Test
    void trainsWithMuon() {
        AttentionFlow.Builder builder =
                AttentionFlow.builder().setDimension(6).setHeads(2).setSteps(4).setStepSize(0.5);
        try (Model model = Model.newInstance("flow", "PyTorch")) {
            model.setBlock(builder.build());
            try (Muon muon = Muon.builder().optLearningRateTracker(Tracker.fixed(0.05f)).build();
                    Trainer trainer =
                            model.newTrainer(
                                    new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(muon))) {
                trainer.initialize(new Shape(1, 5, 6));
                NDManager manager = model.getNDManager();
                AttentionFlow teacher = initialized(builder, manager, DataType.FLOAT32, 6);
                NDArray x = tokens(manager, DataType.FLOAT32, 32, 5, 6);
                NDArray goal = forward(teacher, x, false);
                double first = step(trainer, x, goal);
                double last = first;
                for (int i = 0; i < 100; i++) {
                    last = step(trainer, x, goal);
                }
                assertThat(last).isLessThan(0.1 * first);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyHeadIsAMatrixToASpectralOptimizer(boolean shared) {
        AttentionFlow.Builder builder =
                AttentionFlow.builder().setHeads(3).setSteps(2).setStepSize(0.5);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(builder.optSharedWeights(shared), manager, DataType.FLOAT32, 4);
            assertThat(ParameterRouting.of(flow).toTable())
                    .containsPattern("weight +3 x \\(4, 4\\) .* spectral +hidden matrices")
                    .containsPattern("spectral +" + (shared ? 1 : 2) + " arrays");
        }
    }

    private static double step(Trainer trainer, NDArray x, NDArray goal) {
        double value;
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDList output = trainer.forward(new NDList(x));
            NDArray loss = trainer.getLoss().evaluate(new NDList(goal), output);
            collector.backward(loss);
            value = loss.getFloat();
        }
        trainer.step();
        return value;
    }

    @Test
    void savedAndLoadedItGivesTheSame() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow.Builder builder =
                    AttentionFlow.builder().setHeads(2).setSteps(3).setStepSize(0.5);
            AttentionFlow flow = initialized(builder, manager, DataType.FLOAT32, 4);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            flow.saveParameters(new DataOutputStream(bytes));
            AttentionFlow copy = builder.build();
            copy.loadParameters(
                    manager, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
            NDArray x = tokens(manager, DataType.FLOAT32, 2, 5, 4);
            assertThat(forward(copy, x, false)).isEqualTo(forward(flow, x, false));
        } catch (ai.djl.MalformedModelException e) {
            throw new AssertionError(e);
        }
    }

    /** The energy falls by what the slope says, for one head; for more by the dissipation only. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void thePathBalancesEnergyAndDissipation(int heads) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = tokens(manager, DataType.FLOAT64, 2, 12, 3);
            double before = 0;
            for (int halvings = 0; halvings < 3; halvings++) {
                int steps = 40 << halvings;
                seed();
                AttentionFlow flow =
                        initialized(
                                AttentionFlow.builder()
                                        .setHeads(heads)
                                        .setSteps(steps)
                                        .setStepSize(2.0 / steps)
                                        .optTemperature(heads == 1 ? 1 : 0.5)
                                        .optSharedWeights(true),
                                manager,
                                DataType.FLOAT64,
                                3);
                List<FlowPath> paths = flow.paths(new ParameterStore(manager, false), x);
                assertThat(paths).hasSize(2);
                FlowPath path = paths.get(1);
                assertThat(path.mobilities()[0]).hasSize(heads);
                assertThat(path.energy()[steps]).isLessThan(path.energy()[0]);
                double residual = path.residual()[steps];
                if (halvings > 0) {
                    assertThat(before / residual).isCloseTo(2, within(0.3));
                }
                before = residual;
            }
        }
    }

    /** Tokens that rest: all of the change is that of the weights. */
    @Test
    void changedWeightsDoWork() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = tokens(manager, DataType.FLOAT64, 1, 5, 3).get(0);
            NDArray first = manager.eye(3).toType(DataType.FLOAT64, false).expandDims(0);
            FlowPath path = FlowPath.of(List.of(x, x, x), List.of(first, first.mul(-2)), 0.1);
            double change = path.energy()[1] - path.energy()[0];
            assertThat(Math.abs(change)).isGreaterThan(0.01);
            assertThat(path.weightWork()).containsExactly(0, change, change);
        }
    }

    @Test
    void badValuesAreNamed() {
        AttentionFlow.Builder builder =
                AttentionFlow.builder().setDimension(4).setHeads(2).setSteps(3).setStepSize(0.5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AttentionFlow.builder().build())
                .withMessageContaining("dimension must be at least 2, was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.setStepSize(-1).build())
                .withMessageContaining("step size must be positive and finite, was -1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.setStepSize(1).optTemperature(Double.NaN).build())
                .withMessageContaining("temperature");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            AttentionFlow flow =
                    initialized(builder.optTemperature(1), manager, DataType.FLOAT32, 4);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> forward(flow, manager.ones(new Shape(3, 4)), false))
                    .withMessageContaining("[batch, n, 4]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> forward(flow, manager.zeros(new Shape(1, 3, 4)), false))
                    .withMessageContaining("length 1");
            NDArray longer = tokens(manager, DataType.FLOAT32, 2, 3, 4);
            longer.set(new NDIndex("1, 2"), longer.get(1, 2).mul(1.01f));
            longer.set(new NDIndex("0, 0"), longer.get(0, 0).mul(0.99f)); // not the mean counts
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> forward(flow, longer, false))
                    .withMessageContaining("length 1, one is off by 0.0");
            NDArray nan = tokens(manager, DataType.FLOAT32, 1, 3, 4);
            nan.setScalar(new NDIndex(0, 0, 0), Float.NaN);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> forward(flow, nan, false))
                    .withMessageContaining("finite");
        }
    }
}

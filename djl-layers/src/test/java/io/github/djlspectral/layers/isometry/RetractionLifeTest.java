package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a layer keeps of its weight, from step to step and beside other users of the layer. */
class RetractionLifeTest extends RetractionCase {

    /** A graph of a pass holds the weight, and a later pass before the next step leaves it. */
    @Test
    void passesBeforeTheNextStepShareAWeight() {
        OrthogonalLinear linear = linear(7, 7, DataType.FLOAT64);
        NDArray w = weight(linear);
        w.muli(1.3);
        NDArray x = manager.randomNormal(0, 1, new Shape(3, 7), DataType.FLOAT64);
        x.setRequiresGradient(true);
        ParameterStore store = new ParameterStore(manager, false);
        NDArray expected;
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray y = linear.forward(store, new NDList(x), true).singletonOrThrow();
            expected = y.matMul(w.duplicate()).mul(2);
            NDArray again = linear.forward(store, new NDList(x), true).singletonOrThrow();
            linear.forward(store, new NDList(x.duplicate()), false);
            assertThat(again).isEqualTo(y);
            collector.backward(y.square().sum());
        }
        assertThat(x.getGradient().sub(expected).abs().max().getDouble()).isLessThan(1e-14);
    }

    /** What is kept of one weight is not taken for another that has its entries. */
    @Test
    void aWeightThatReplacesAnotherIsLookedAtAnew() {
        OrthogonalLinear linear = OrthogonalLinear.builder().setUnits(6).build();
        NDArray moved = manager.randomNormal(new Shape(6, 9));
        NDArray first = null;
        for (int i = 0; i < 3; i++) {
            try (NDManager scratch = manager.newSubManager()) {
                linear.clear();
                linear.initialize(scratch, DataType.FLOAT32, new Shape(1, 9));
                moved.copyTo(weight(linear));
                NDArray y = pass(linear, 9, false);
                first = i == 0 ? y : first;
                assertThat(y).isEqualTo(first);
                for (int j = 0; j < 2; j++) {
                    try (NDManager copies = scratch.newSubManager()) {
                        ParameterStore store = new ParameterStore(copies, true);
                        NDList x = new NDList(copies.ones(new Shape(2, 9)));
                        NDArray again = linear.forward(store, x, false).singletonOrThrow();
                        assertThat(again).isEqualTo(first);
                    }
                }
            }
        }
    }

    @Test
    void threadsThatPredictGetTheSame() {
        OrthogonalLinear linear = linear(40, 40, DataType.FLOAT32);
        NDArray w = weight(linear);
        for (int i = 0; i < 5; i++) {
            w.addi(manager.randomNormal(w.getShape()).mul(0.2f));
            NDArray moved = w.duplicate();
            List<float[]> answers =
                    IntStream.range(0, 8)
                            .parallel()
                            .mapToObj(j -> pass(linear, 40, false).toFloatArray())
                            .toList();
            assertThat(answers).allSatisfy(y -> assertThat(y).containsExactly(answers.get(0)));
            assertThat(w).isEqualTo(moved);
        }
    }

    /** A file has the weight as the last step left it, and gives the same layer to the bit. */
    @Test
    void aMovedWeightSurvivesItsFile() throws IOException, MalformedModelException {
        OrthogonalLinear linear = linear(12, 12, DataType.FLOAT32);
        weight(linear).muli(1.2f).addi(manager.randomNormal(new Shape(12, 12)).mul(0.1f));
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        linear.saveParameters(new DataOutputStream(file));
        OrthogonalLinear loaded = OrthogonalLinear.builder().setUnits(12).build();
        loaded.loadParameters(
                manager, new DataInputStream(new ByteArrayInputStream(file.toByteArray())));
        assertThat(pass(loaded, 12, false)).isEqualTo(pass(linear, 12, false));
        assertThat(pass(loaded, 12, true)).isEqualTo(pass(linear, 12, true));
        assertThat(weight(loaded)).isEqualTo(weight(linear));
    }

    /** Steps, passes in training, which retract, and others, which keep a copy. */
    @Test
    void memoryIsFlatOverAThousandSteps() {
        try (Model model = Model.newInstance("fold", "PyTorch")) {
            model.setBlock(ResidualFold.builder().setWidth(4).optInitialBias(0).build());
            Optimizer sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.1f)).build();
            try (Trainer trainer =
                    model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(sgd))) {
                trainer.initialize(new Shape(1, 4));
                NDArray x = model.getNDManager().randomNormal(new Shape(8, 4));
                int arrays = 0;
                for (int i = 0; i < 1000; i++) {
                    try (NDScope scope = new NDScope()) {
                        scope.suppressNotUsedWarning();
                        try (GradientCollector collector = trainer.newGradientCollector()) {
                            NDArray y = trainer.forward(new NDList(x)).singletonOrThrow();
                            collector.backward(y.sub(x.flip(1)).square().sum());
                        }
                        trainer.step();
                        trainer.evaluate(new NDList(x));
                    }
                    int now = model.getNDManager().getManagedArrays().size();
                    arrays = i < 10 ? now : arrays;
                    assertThat(now).as("after step " + i).isEqualTo(arrays);
                }
            }
        }
    }

    @Test
    void inferenceNeverChangesAWeightAndRepeatsToTheBit() {
        OrthogonalLinear linear = linear(12, 12, DataType.FLOAT32);
        weight(linear).muli(1.5f).addi(manager.randomNormal(new Shape(12, 12)).mul(0.3f));
        NDArray moved = weight(linear).duplicate();
        NDArray first = pass(linear, 12, false);
        int arrays = weight(linear).getManager().getManagedArrays().size();
        for (int i = 0; i < 20; i++) {
            try (NDArray again = pass(linear, 12, false)) {
                assertThat(again).isEqualTo(first);
            }
        }
        assertThat(weight(linear)).isEqualTo(moved);
        assertThat(weight(linear).getManager().getManagedArrays()).hasSize(arrays + 20); // inputs
        NDArray norm = first.sub(linear.getParameters().get("bias").getArray()).norm(new int[] {1});
        assertThat((double) norm.getFloat(0)).isCloseTo(Math.sqrt(12), within(1e-5));
        weight(linear).muli(-1); // moved again: the answer follows
        assertThat(pass(linear, 12, false).add(first).abs().max().getFloat()).isLessThan(1e-5f);
        pass(linear, 12, true);
        assertThat(weight(linear)).isNotEqualTo(moved.neg());
        assertThat(pass(linear, 12, false).add(first).abs().max().getFloat()).isLessThan(1e-5f);
    }
}

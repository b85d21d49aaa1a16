package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GradientClippingTest {

    private static TinyTraining training(Device... devices) {
        return new TinyTraining(
                Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.1f)).build(), devices);
    }

    private static double norm(List<float[]> arrays) {
        double sum = 0;
        for (float[] array : arrays) {
            for (float x : array) {
                sum += (double) x * x;
            }
        }
        return Math.sqrt(sum);
    }

    @Test
    void scalesAllGradientsToTheLargestNorm() {
        try (TinyTraining tiny = training()) {
            tiny.backward(1);
            List<float[]> before = tiny.gradients();
            double norm = norm(before);
            float maxNorm = (float) (norm / 3);

            // float32 products summed over rows of 8: below 1e-6 of the norm
            assertThat((double) GradientClipping.byGlobalNorm(tiny.trainer, maxNorm))
                    .isCloseTo(norm, within(1e-6 * norm));
            List<float[]> after = tiny.gradients();
            for (int p = 0; p < before.size(); p++) {
                for (int i = 0; i < before.get(p).length; i++) {
                    assertThat(after.get(p)[i])
                            .isCloseTo(before.get(p)[i] / 3, within(1e-6f * maxNorm));
                }
            }
            assertThat(norm(after)).isCloseTo(maxNorm, within(1e-6 * maxNorm));
            tiny.trainer.step();
        }
    }

    @Test
    void leavesSmallerGradientsAloneToTheLastBit() {
        try (TinyTraining tiny = training()) {
            tiny.backward(1);
            List<float[]> before = tiny.gradients();
            float norm = GradientClipping.byGlobalNorm(tiny.trainer, Float.POSITIVE_INFINITY);
            assertThat(GradientClipping.byGlobalNorm(tiny.trainer, 1.001f * norm)).isEqualTo(norm);
            assertThat(tiny.gradients()).containsExactlyElementsOf(before);
        }
    }

    @Test
    void countsNeitherFrozenNorUntouchedParameters() {
        try (TinyTraining tiny = training()) {
            assertThat(GradientClipping.byGlobalNorm(tiny.trainer, 1)).isZero();
            tiny.backward(1);
            List<float[]> gradients = tiny.gradients();
            Parameter first = BlockParameters.byName(tiny.block()).values().iterator().next();
            first.freeze(true);
            double rest = norm(gradients.subList(1, gradients.size()));
            assertThat((double) GradientClipping.byGlobalNorm(tiny.trainer, 1e-3f))
                    .isCloseTo(rest, within(1e-6 * rest));
            first.getArray().setRequiresGradient(true);
            assertThat(tiny.gradients().get(0)).containsExactly(gradients.get(0));

            tiny.block().freezeParameters(true);
            assertThatThrownBy(() -> GradientClipping.byGlobalNorm(tiny.trainer, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("No parameter");
        }
    }

    @Test
    void refusesNormsThatAreNotFinite() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            try (TinyTraining tiny = training()) {
                tiny.backward(1);
                NDArray w = BlockParameters.byName(tiny.block()).get("04Linear_weight").getArray();
                try (NDArray gradient = w.getGradient()) {
                    gradient.set(new NDIndex(2, 3), bad);
                }
                List<float[]> before = tiny.gradients();
                assertThatThrownBy(() -> GradientClipping.byGlobalNorm(tiny.trainer, 1))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("04Linear_weight")
                        .hasMessageContaining("no gradient has changed");
                assertThat(tiny.gradients()).containsExactlyElementsOf(before);
            }
        }
    }

    @Test
    void refusesIllegalLimitsAndSeveralDevices() {
        try (TinyTraining tiny = training();
                TinyTraining two = training(Device.gpu(0), Device.gpu(1))) {
            for (float bad : new float[] {0, -1, Float.NaN}) {
                assertThatThrownBy(() -> GradientClipping.byGlobalNorm(tiny.trainer, bad))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("maxNorm must be positive, was " + bad);
            }
            assertThatThrownBy(() -> GradientClipping.byGlobalNorm(two.trainer, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("one device, this one has 2");
        }
    }

    @Test
    void givesTheSameBitsEveryTimeAndLeaksNothing() {
        try (TinyTraining tiny = training()) {
            tiny.backward(1);
            float measured = GradientClipping.byGlobalNorm(tiny.trainer, 1e9f);
            int arrays = tiny.model.getNDManager().getManagedArrays().size();
            for (int i = 0; i < 20; i++) {
                assertThat(GradientClipping.byGlobalNorm(tiny.trainer, 1e9f)).isEqualTo(measured);
            }
            assertThat(tiny.model.getNDManager().getManagedArrays()).hasSize(arrays);
        }
    }

    /** One float32 sum over these 5 million squares is wrong by more than 1e-5. */
    @Test
    void isAccurateForLargeMatrices() {
        int rows = 5000;
        int columns = 1000;
        float[] input = new float[columns];
        double sum = 0;
        Random random = new Random(3);
        for (int i = 0; i < columns; i++) {
            input[i] = (float) random.nextGaussian();
            sum += (double) input[i] * input[i];
        }
        try (Model model = Model.newInstance("wide", "PyTorch")) {
            model.setBlock(Linear.builder().setUnits(rows).optBias(false).build());
            try (Trainer trainer = model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss()))) {
                trainer.initialize(new Shape(1, columns));
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDArray x = trainer.getManager().create(input, new Shape(1, columns));
                    collector.backward(trainer.forward(new NDList(x)).singletonOrThrow().sum());
                }
                assertThat((double) GradientClipping.byGlobalNorm(trainer, 1e9f))
                        .isCloseTo(Math.sqrt(rows * sum), withinPercentage(1e-5));
            }
        }
    }

    @Test
    void anArrayUnderTwoParametersCountsOnce() {
        try (Model model = Model.newInstance("tied", "PyTorch")) {
            Linear first = Linear.builder().setUnits(4).optBias(false).build();
            Linear second = Linear.builder().setUnits(4).optBias(false).build();
            model.setBlock(new SequentialBlock().add(first).add(second));
            NDArray array = model.getNDManager().randomNormal(new Shape(4, 4));
            for (Linear layer : List.of(first, second)) {
                layer.getParameters().get("weight").setArray(array);
            }
            model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 4));
            try (Trainer trainer = model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss()))) {
                trainer.initialize(new Shape(1, 4));
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    collector.backward(array.mul(array).sum());
                }
                float norm = (float) (2 * norm(List.of(array.toFloatArray())));
                assertThat(GradientClipping.byGlobalNorm(trainer, norm / 4))
                        .isCloseTo(norm, within(1e-5f * norm));
                assertThat(GradientClipping.byGlobalNorm(trainer, 1e9f))
                        .isCloseTo(norm / 4, within(1e-5f * norm));
            }
        }
    }
}

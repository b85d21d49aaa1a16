package io.github.djlspectral.examples.descent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** The probe in a DJL training. */
class DescentOfABlockTest {

    private static final int INPUTS = 6;
    private static final int OUTPUTS = 4;
    private static final int BATCH = 32;

    /**
     * A linear layer's squared error is quadratic: DJL's L2 loss is half the mean over B times
     * OUTPUTS numbers, so {@code <D, H D> = |X D^T|^2 / (B OUTPUTS)}. The float32 gradient of a
     * mean of 128 terms is good to a few eps: five times eps^(2/3), as for a plain quadratic.
     */
    @Test
    void measuresALinearLayer() {
        try (Model model = Model.newInstance("linear", Device.cpu(), "PyTorch")) {
            model.setBlock(Linear.builder().setUnits(OUTPUTS).optBias(false).build());
            try (Trainer trainer = trainer(model, DataType.FLOAT32)) {
                NDManager manager = model.getNDManager();
                NDList weights = weights(model.getBlock());
                NDArray x = gaussian(manager, 1, BATCH, INPUTS, DataType.FLOAT32);
                NDArray y = gaussian(manager, 2, BATCH, OUTPUTS, DataType.FLOAT32);
                NDArray d = gaussian(manager, 3, OUTPUTS, INPUTS, DataType.FLOAT32);
                backward(trainer, x, y.mul(2)); // what an unfinished step left must not count
                byte[] before = weights.get(0).toByteArray();
                Supplier<NDList> full =
                        DescentProbe.gradients(weights, () -> backward(trainer, x, y));
                int arrays = manager.getManagedArrays().size();

                LocalDescent found =
                        DescentProbe.measure(weights, new NDList(d), new NDList(d), full);

                assertThat(manager.getManagedArrays()).hasSize(arrays);
                double norm =
                        x.matMul(d.transpose()).toType(DataType.FLOAT64, false).norm().getDouble();
                double error = Math.pow(Math.ulp(1f), 2.0 / 3);
                assertThat(found.curvature())
                        .isCloseTo(norm * norm / (BATCH * OUTPUTS), withinPercentage(500 * error));
                assertThat(weights.get(0).toByteArray()).isEqualTo(before);
                assertThat(weights.get(0).getGradient().toFloatArray()).containsOnly(0);
            }
        }
    }

    /**
     * A network with biases in float64, against second differences of its loss with a step r =
     * 1e-3: truncation r^2 / 12 times the fourth derivative, rounding 4 eps / r^2 = 1e-9.
     */
    @Test
    void measuresANonlinearNetwork() {
        try (Model model = Model.newInstance("tanh", Device.cpu(), "PyTorch")) {
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(8).build())
                            .add(Activation::tanh)
                            .add(Linear.builder().setUnits(OUTPUTS).build()));
            try (Trainer trainer = trainer(model, DataType.FLOAT64)) {
                NDManager manager = model.getNDManager();
                NDList weights = weights(model.getBlock());
                NDArray x = gaussian(manager, 1, BATCH, INPUTS, DataType.FLOAT64);
                NDArray y = gaussian(manager, 2, BATCH, OUTPUTS, DataType.FLOAT64);
                Supplier<NDList> full =
                        DescentProbe.gradients(weights, () -> backward(trainer, x, y));
                NDList direction = full.get();
                backward(trainer, x, y); // what is attached before does not count

                LocalDescent found = DescentProbe.measure(weights, direction, direction, full);

                double r = 1e-3;
                double middle = loss(trainer, x, y);
                move(weights, direction, r);
                double ahead = loss(trainer, x, y);
                move(weights, direction, -2 * r);
                double behind = loss(trainer, x, y);
                double curvature = (ahead - 2 * middle + behind) / (r * r);
                assertThat(found.curvature()).isCloseTo(curvature, withinPercentage(1e-3));
                assertThat(found.slope())
                        .isCloseTo((ahead - behind) / (2 * r), withinPercentage(1e-3));
                assertThat(found.alignment()).isCloseTo(1, withinPercentage(1e-12));
            }
        }
    }

    private static Trainer trainer(Model model, DataType type) {
        Trainer trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.l2Loss())
                                .optOptimizer(Optimizer.adamW().build())
                                .optDevices(new Device[] {Device.cpu()}));
        model.getBlock().initialize(model.getNDManager(), type, new Shape(1, INPUTS));
        int seed = 10;
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            NDArray array = parameter.getArray();
            array.setRequiresGradient(false);
            try (NDArray values =
                    gaussian(model.getNDManager(), seed++, array.size(), 1, type)
                            .reshape(array.getShape())) {
                values.copyTo(array);
            }
            array.setRequiresGradient(true);
        }
        return trainer;
    }

    private static NDList weights(Block block) {
        NDList weights = new NDList();
        block.getParameters().values().forEach(parameter -> weights.add(parameter.getArray()));
        return weights;
    }

    private static NDArray gaussian(
            NDManager manager, long seed, long rows, long columns, DataType type) {
        return Matrices.gaussian(manager, seed, rows, columns).toType(type, true);
    }

    private static void backward(Trainer trainer, NDArray x, NDArray y) {
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            NDArray inputs = x.duplicate();
            inputs.attach(scratch);
            NDArray labels = y.duplicate();
            labels.attach(scratch);
            NDList output = trainer.forward(new NDList(inputs));
            collector.backward(trainer.getLoss().evaluate(new NDList(labels), output));
        }
    }

    private static double loss(Trainer trainer, NDArray x, NDArray y) {
        NDList output = trainer.evaluate(new NDList(x));
        return trainer.getLoss().evaluate(new NDList(y), output).getDouble();
    }

    private static void move(NDList weights, NDList direction, double step) {
        for (int i = 0; i < weights.size(); i++) {
            NDArray weight = weights.get(i);
            weight.setRequiresGradient(false);
            weight.addi(direction.get(i).mul(step));
            weight.setRequiresGradient(true);
        }
    }
}

package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import io.github.djlspectral.optim.OptimizerStep;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossGradientTest extends Gpt2Fixture {

    /** By hand and, as a frozen parameter wants it, by autograd. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void halvesAddUpToTheMean(boolean frozen) {
        Device[] devices = {manager.getDevice()};
        try (Model model = Model.newInstance("gpt2", manager.getDevice(), "PyTorch")) {
            Gpt2 gpt2 = Gpt2.builder().setConfig(SMALL).build();
            model.setBlock(gpt2);
            engine.setRandomSeed(1);
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            try (Trainer trainer = model.newTrainer(config.optDevices(devices))) {
                trainer.initialize(new Shape(2, 8));
                gpt2.getParameters().get("wpe.weight").freeze(frozen);
                assertThat(Gpt2Backpropagation.supports(gpt2, Device.cpu())).isEqualTo(!frozen);
                NDArray weight = gpt2.getParameters().get("wte.weight").getArray();
                NDArray tokens = tokens(SMALL, new Shape(2, 8), 1);
                NDArray targets = tokens(SMALL, new Shape(2, 8), 2);
                try (LossGradient gradient = new LossGradient(gpt2, trainer, 2, 8)) {
                    double mean = gradient.add(new NDList(tokens, targets), 1);
                    NDArray expected = weight.getGradient().duplicate();
                    OptimizerStep.discard(trainer);
                    double first = gradient.add(half(tokens, targets, 0), 0.5);
                    double second = gradient.add(half(tokens, targets, 1), 0.5);
                    assertThat((first + second) / 2).isCloseTo(mean, within(1e-6));
                    assertThat(relativeError(weight.getGradient(), expected)).isLessThan(1e-5);
                }
            }
        }
    }

    private static NDList half(NDArray tokens, NDArray targets, int row) {
        return new NDList(tokens.get(row).expandDims(0), targets.get(row).expandDims(0));
    }
}

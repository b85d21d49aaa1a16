package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import org.junit.jupiter.api.Test;

class BlockParametersTest {

    /** A block has a parameter of its own with the name path of one of its child's. */
    @Test
    void refusesTwoParametersOfOneName() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block block =
                    new BareBlock()
                            .weight("01child_w", 2, 2)
                            .add("child", new BareBlock().weight("w", 2, 2));
            block.initialize(manager, DataType.FLOAT32, new Shape(1));
            assertThatThrownBy(() -> BlockParameters.byName(block))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("have the name 01child_w");
        }
    }

    /** The trainer would work on a copy on its own device, whose gradients are not in reach. */
    @Test
    void refusesATrainerOnAnotherDeviceThanTheModel() {
        try (TinyTraining tiny = new TinyTraining(Optimizer.adam().build(), Device.gpu(1))) {
            assertThatThrownBy(() -> BlockParameters.trainedBy(tiny.trainer))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "01Linear_bias lies on " + tiny.model.getNDManager().getDevice())
                    .hasMessageContaining("gpu(1)");
        }
    }
}

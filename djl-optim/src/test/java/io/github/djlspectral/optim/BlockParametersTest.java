package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.PairList;
import org.junit.jupiter.api.Test;

class BlockParametersTest {

    /** A block that has a parameter of its own with the name path of one of its child's. */
    private static final class Ambiguous extends AbstractBlock {

        Ambiguous(String name, Block... children) {
            addParameter(
                    Parameter.builder()
                            .setName(name)
                            .setType(Parameter.Type.WEIGHT)
                            .optShape(new Shape(2, 2))
                            .optInitializer((manager, shape, type) -> manager.ones(shape, type))
                            .build());
            for (Block child : children) {
                addChildBlock("child", child);
            }
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                PairList<String, Object> params) {
            return inputs;
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }

        @Override
        protected void initializeChildBlocks(
                NDManager manager, DataType type, Shape... inputShapes) {
            for (Block child : getChildren().values()) {
                child.initialize(manager, type, inputShapes);
            }
        }
    }

    @Test
    void refusesTwoParametersOfOneName() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block block = new Ambiguous("01child_w", new Ambiguous("w"));
            block.initialize(manager, DataType.FLOAT32, new Shape(1));
            assertThatThrownBy(() -> BlockParameters.byName(block))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("have the name 01child_w");
        }
    }

    /** The trainer would work on a copy on its own device, whose gradients are not in reach. */
    @Test
    void refusesATrainerOnAnotherDeviceThanTheModel() {
        try (TinyTraining tiny = new TinyTraining(Optimizer.adam().build(), Device.gpu(0))) {
            assertThatThrownBy(() -> BlockParameters.trainedBy(tiny.trainer))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("01Linear_bias lies on cpu()")
                    .hasMessageContaining("gpu(0)");
        }
    }
}

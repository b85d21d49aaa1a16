package io.github.djlspectral.optim;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;

/** A block of given children and parameters, all ones; their order is all that is known. */
class BareBlock extends AbstractBlock {

    final BareBlock add(String name, Block child) {
        addChildBlock(name, child);
        return this;
    }

    final BareBlock add(String name, Parameter.Type type, long... shape) {
        addParameter(
                Parameter.builder()
                        .setName(name)
                        .setType(type)
                        .optShape(new Shape(shape))
                        .optInitializer((manager, ones, dataType) -> manager.ones(ones, dataType))
                        .build());
        return this;
    }

    final BareBlock weight(String name, long... shape) {
        return add(name, Parameter.Type.WEIGHT, shape);
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
            NDManager manager, DataType dataType, Shape... inputShapes) {
        for (Block child : getChildren().values()) {
            child.initialize(manager, dataType, inputShapes);
        }
    }
}

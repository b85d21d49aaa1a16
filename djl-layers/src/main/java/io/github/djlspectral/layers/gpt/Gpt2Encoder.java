package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;

/** What {@link Gpt2#encoder} returns. */
final class Gpt2Encoder extends AbstractBlock {

    private final Gpt2 gpt2;

    Gpt2Encoder(Gpt2 gpt2) {
        this.gpt2 = addChildBlock("gpt2", gpt2);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, PairList<String, Object> more) {
        NDArray padded = inputs.singletonOrThrow();
        Shape shape = padded.getShape();
        DataType type = padded.getDataType();
        boolean legal = type == DataType.INT64 && shape.dimension() == 2 && shape.size() > 0;
        require(legal, "texts must be int64 [batch, length], not empty, got %s %s", type, shape);
        long[] values = Host.longs(padded);
        int width = (int) shape.get(1);
        int[] lengths = new int[(int) shape.get(0)];
        for (int i = 0; i < values.length; i++) {
            if (values[i] >= 0 && lengths[i / width]++ != i % width) {
                String rule = "texts must be padded at their end only, but text %s is so before %s";
                require(false, rule, i / width, i % width);
            }
        }
        int longest = Arrays.stream(lengths).max().getAsInt();
        NDArray tokens = padded.get(":, :" + longest).maximum(0);
        return new NDList(gpt2.lastHidden(store, tokens, training, lengths));
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType type, Shape... inputShapes) {
        gpt2.initialize(manager, type, inputShapes);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), gpt2.getConfig().width())};
    }
}

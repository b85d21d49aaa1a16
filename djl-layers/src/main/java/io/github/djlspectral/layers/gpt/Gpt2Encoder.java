package io.github.djlspectral.layers.gpt;

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
        try (NDArray is = padded.gte(0);
                NDArray counts = is.sum(new int[] {1})) {
            long[] lengths = Host.longs(counts);
            NDArray tokens = padded.get(":, :" + Arrays.stream(lengths).max().orElse(0));
            int[] ends = Arrays.stream(lengths).mapToInt(Math::toIntExact).toArray();
            return new NDList(gpt2.lastHidden(store, tokens.maximum(0), training, ends));
        }
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

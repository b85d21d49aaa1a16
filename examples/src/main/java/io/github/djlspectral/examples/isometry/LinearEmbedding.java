package io.github.djlspectral.examples.isometry;

import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import io.github.djlspectral.layers.isometry.OrthogonalInitializer;

/** The way from an image's pixels to a vector. */
final class LinearEmbedding {

    private LinearEmbedding() {}

    /** Orthonormal rows at first: a co-isometry that keeps a unit root mean square on average. */
    static Block of(int width) {
        Block linear = Linear.builder().setUnits(width).build();
        linear.setInitializer(new OrthogonalInitializer(), "weight");
        return new SequentialBlock().add(Blocks.batchFlattenBlock()).add(linear);
    }
}

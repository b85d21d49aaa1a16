package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.optim.SpectralMap;
import java.util.Random;

/** Orthonormal rows [k, n], Haar, that depend on the seed alone: all layers get the same. */
record SubspaceInitializer(long seed) implements Initializer {

    @Override
    public NDArray initialize(NDManager manager, Shape shape, DataType type) {
        Random random = new Random(seed);
        double[] gaussian = new double[Math.toIntExact(shape.size())];
        for (int i = 0; i < gaussian.length; i++) {
            gaussian[i] = random.nextGaussian();
        }
        try (NDArray start = manager.create(gaussian, shape);
                NDArray polar = SpectralMap.polar().apply(start);
                NDArray rows = polar.toType(type, true)) {
            NDArray copy = rows.duplicate(); // what a map returns cannot enter autograd
            copy.attach(manager);
            return copy;
        }
    }
}

package io.github.djlspectral.layers.isometry.initializer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.optim.SpectralMap;

/**
 * Fills a matrix [m, n] with orthonormal rows, or columns if m > n, uniformly distributed (Haar):
 * the polar factor of a Gaussian matrix, in float64. Trailing dimensions are flattened, which does
 * not make a convolution orthogonal. {@link ai.djl.engine.Engine#setRandomSeed} determines the
 * result.
 */
public final class OrthogonalInitializer implements Initializer {

    /** Creates the initializer. */
    public OrthogonalInitializer() {}

    @Override
    public NDArray initialize(NDManager manager, Shape shape, DataType type) {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray gaussian = scratch.randomNormal(0, 1, shape, DataType.FLOAT64);
            NDArray polar = SpectralMap.polar().apply(gaussian).toType(type, false);
            NDArray orthogonal = polar.duplicate(); // what a map returns cannot enter autograd
            orthogonal.attach(manager);
            return orthogonal;
        }
    }
}

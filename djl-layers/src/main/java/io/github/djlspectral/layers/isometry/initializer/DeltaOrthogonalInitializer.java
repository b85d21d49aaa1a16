package io.github.djlspectral.layers.isometry.initializer;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;

/**
 * Fills the kernel [m, c, k, l] of a {@link ai.djl.nn.convolutional.Conv2d} with zeros but for a
 * uniformly distributed orthogonal matrix (orthonormal rows, or columns if m > c) at its centre, k
 * and l odd (other shapes are refused): the one kind of kernel that is orthogonal with zeros around
 * the image too, for padding (k - 1) / 2 and stride 1. Training does not keep it so. Xiao et al.,
 * "Dynamical isometry and a mean field theory of CNNs", ICML 2018. {@link
 * ai.djl.engine.Engine#setRandomSeed} determines the result.
 */
public final class DeltaOrthogonalInitializer implements Initializer {

    private final OrthogonalInitializer matrices = new OrthogonalInitializer();

    /** Creates the initializer. */
    public DeltaOrthogonalInitializer() {}

    @Override
    public NDArray initialize(NDManager manager, Shape shape, DataType type) {
        require(
                shape.dimension() == 4 && shape.get(2) % 2 != 0 && shape.get(3) % 2 != 0,
                "A delta-orthogonal kernel must be [filters, channels, height, width] with odd"
                        + " height and width, to have a centre, was %s",
                shape);
        NDArray kernel = manager.zeros(shape, type);
        try (NDArray matrix = matrices.initialize(manager, shape.slice(0, 2), type)) {
            kernel.set(new NDIndex(":, :, {}, {}", shape.get(2) / 2, shape.get(3) / 2), matrix);
        }
        return kernel;
    }
}

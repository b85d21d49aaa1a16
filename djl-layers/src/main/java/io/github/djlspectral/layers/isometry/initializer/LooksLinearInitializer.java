package io.github.djlspectral.layers.isometry.initializer;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.layers.isometry.FixedIsometry;

/**
 * Fills a matrix [p, 2n] with [H, -H], H [p, n] orthonormal ({@link OrthogonalInitializer}): for a
 * {@link ai.djl.nn.core.Linear} after {@link FixedIsometry#concatenatedRelu}, the two of which are
 * the linear map H x at first, while either half can be learnt. Balduzzi et al., "The shattered
 * gradients problem", ICML 2017.
 */
public final class LooksLinearInitializer implements Initializer {

    /** Creates the initializer. */
    public LooksLinearInitializer() {}

    @Override
    public NDArray initialize(NDManager manager, Shape shape, DataType type) {
        boolean legal = shape.dimension() == 2 && shape.get(1) > 0 && shape.get(1) % 2 == 0;
        require(legal, "A weight that looks linear must be [p, 2n], was %s", shape);
        Shape half = new Shape(shape.get(0), shape.get(1) / 2);
        try (NDArray h = new OrthogonalInitializer().initialize(manager, half, type);
                NDArray negative = h.neg()) {
            return h.concat(negative, 1);
        }
    }
}

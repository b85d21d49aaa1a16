package io.github.djlspectral.layers.isometry.diagnostics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Standard normal arrays from a seed, apart from the engine's generator. Thread-safe. */
public final class SeededNormals {

    private final SplittableRandom random;

    /**
     * Begins a sequence.
     *
     * @param seed what determines it
     */
    public SeededNormals(long seed) {
        // seeded twice: the states of neighbouring seeds run side by side
        random = new SplittableRandom(new SplittableRandom(seed).nextLong());
    }

    /**
     * {@return the next array}
     *
     * @param manager its manager
     * @param shape its shape
     * @param model whose type and device it has
     */
    public NDArray next(NDManager manager, Shape shape, NDArray model) {
        double[] values = new double[Math.toIntExact(shape.size())];
        synchronized (random) {
            Arrays.setAll(values, i -> random.nextGaussian());
        }
        try (NDArray exact = manager.create(values, shape);
                NDArray typed = exact.toType(model.getDataType(), true)) {
            // A copy: the first lies in a Java buffer, and so does the second if of the same type,
            // which may be gone when a backward pass needs it.
            return typed.duplicate().toDevice(model.getDevice(), false);
        }
    }
}

package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Standard normal arrays from a seed, apart from the engine's generator. Thread-safe. */
final class SeededNormals {

    private final SplittableRandom random;

    SeededNormals(long seed) {
        // seeded twice: the states of neighbouring seeds run side by side
        random = new SplittableRandom(new SplittableRandom(seed).nextLong());
    }

    /** Returns the next array of the shape, of the type and device of the model array. */
    NDArray next(NDManager manager, Shape shape, NDArray model) {
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

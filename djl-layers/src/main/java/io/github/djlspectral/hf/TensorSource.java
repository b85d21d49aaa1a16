package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import java.util.Set;

/** Arrays of numbers by name, of which one is held at a time. */
public interface TensorSource {

    /**
     * Returns the names of the arrays.
     *
     * @return the names, each once, in the order in which a file lists them
     */
    Set<String> names();

    /**
     * Returns the shape of an array.
     *
     * @param name one of {@link #names}
     * @return its shape; a scalar's is empty
     * @throws IllegalArgumentException if there is no such array
     */
    Shape shape(String name);

    /**
     * Reads an array.
     *
     * @param name one of {@link #names}
     * @return its elements as float32, the last dimension's next to each other; the caller's own
     * @throws IllegalArgumentException if there is no such array
     * @throws io.github.djlspectral.text.BadInputException if its numbers are no floats
     * @throws java.io.UncheckedIOException if a file cannot be read
     */
    float[] read(String name);
}

package io.github.djlspectral.torch;

import static ai.djl.ndarray.types.SparseFormat.DENSE;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;

/**
 * Constants for autograd's graphs. A backward pass needs the factors of a product, and on a CPU
 * those that DJL makes of Java's numbers, in {@link NDArray#mul(Number)}, {@link
 * NDArray#div(Number)}, {@link ai.djl.ndarray.NDArrays#maximum(NDArray, Number)} or an array of
 * {@link NDManager#create(float[])} that is closed, lie in Java buffers that the garbage collector
 * may have freed by then: gradients are then wrong, now and then. Here the engine owns the memory
 * for as long as the graph needs it.
 */
public final class GraphConstants {

    private GraphConstants() {}

    /**
     * {@return an array of these entries that may be closed before the backward pass}
     *
     * @param manager the manager of the result
     * @param type the type of the result
     * @param values the entries
     */
    public static NDArray of(NDManager manager, DataType type, double... values) {
        try (NDArray buffer = manager.create(values);
                NDArray typed = buffer.toType(type, true)) { // shares the buffer if of its type
            return typed.duplicate();
        }
    }

    /**
     * {@return {@code factor x}}
     *
     * @param x an array of floating-point numbers, with a graph or without
     * @param factor the number
     */
    public static NDArray times(NDArray x, double factor) {
        PtNDManager manager = (PtNDManager) x.getManager();
        Device device = x.getDevice(); // fills it itself: an upload waits for all that is queued
        DataType type = x.getDataType();
        try (NDArray scalar = JniUtils.full(manager, new Shape(), factor, type, device, DENSE)) {
            return x.mul(scalar);
        }
    }
}

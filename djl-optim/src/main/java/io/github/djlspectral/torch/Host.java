package io.github.djlspectral.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/** What passes between the host and the device of an array. */
public final class Host {

    static final AtomicLong READS = new AtomicLong();
    private static final TorchScript KERNELS = TorchScript.ofResources(Host.class, "host.py");

    private Host() {}

    /**
     * {@return what is read of an array, as by {@code Host.read(loss, NDArray::getFloat)}} Waits
     * for its device. Where the engine has to copy, from a GPU or because elements are not next to
     * each other, it leaves the copy in a manager until that of the array ends; this frees it.
     *
     * @param <T> what is read
     * @param array the array, on any device
     * @param reader gets the array on the host; what arrays it makes are closed
     */
    public static <T> T read(NDArray array, Function<NDArray, T> reader) {
        READS.incrementAndGet();
        try (NDScope temporaries = new NDScope()) {
            temporaries.suppressNotUsedWarning();
            NDArray host = array.toDevice(Device.cpu(), false);
            NDManager own = host.getManager(); // made for the copy, if there is one
            try {
                return reader.apply(host);
            } finally {
                if (own != array.getManager()) {
                    own.close();
                }
            }
        }
    }

    /**
     * {@return an array of int64 of which the host keeps the elements, for {@link #longs}} On a GPU
     * it does not wait for what is queued there.
     *
     * @param manager the manager of the array, which lies on its device
     * @param values the elements, row by row; not to be changed any more
     * @param shape the shape
     */
    public static NDArray create(NDManager manager, long[] values, Shape shape) {
        if (!manager.getDevice().isGpu()) {
            return new Known((PtNDArray) manager.create(values, shape), values);
        }
        try (NDManager host = manager.newSubManager(Device.cpu());
                NDArray like = manager.create(new Shape(0), DataType.INT64)) {
            NDArray source = host.create(values, shape);
            NDArray array = KERNELS.callWithGradient(manager, "upload", source, like).head();
            return new Known((PtNDArray) array, values);
        }
    }

    /**
     * {@return the elements of an array of int64, row by row; not to be changed} Waits for its
     * device, unless it is from {@link #create} and has not been changed since.
     *
     * @param array the array, on any device
     */
    public static long[] longs(NDArray array) {
        return array instanceof Known known
                        && KERNELS.callDouble(array.getManager(), "version", array) == 0
                ? known.values
                : read(array, NDArray::toLongArray);
    }

    /** Takes the place of another view of the tensor, which it keeps for the memory below it. */
    private static final class Known extends PtNDArray {

        private final PtNDArray original;
        private final long[] values;

        Known(PtNDArray original, long[] values) {
            super(original.getManager(), original.getHandle());
            this.original = original;
            this.values = values;
            original.detach();
            NDScope.unregister(original);
        }
    }
}

package io.github.djlspectral.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;

/** Where matrix products are faster of bfloat16 than of float32 numbers. */
public final class Bfloat16 {

    /**
     * The system property {@value} that decides it for CPUs: {@code native}, they are faster, or
     * {@code rounded}, they are not. It is read at each use.
     */
    public static final String PROPERTY = "djlspectral.bfloat16";

    // Where bfloat16 is hardly faster, its conversions and the rounding of results do not pay.
    private static final double WORTHWHILE = 1.2;

    private static Boolean measured;

    private Bfloat16() {}

    /**
     * {@return whether products of bfloat16 numbers are faster: always on a GPU, on a CPU if {@link
     * #onCpu} is {@code native}}
     *
     * @param device the device
     * @throws IllegalArgumentException if the property has another value
     */
    public static boolean isFast(Device device) {
        return device.isGpu() || onCpu().equals("native");
    }

    /**
     * {@return the {@linkplain #PROPERTY property} or, without it, what is measured} The first use
     * measures, for some 50 ms; all later ones in the process agree with it.
     */
    public static String onCpu() {
        String choice = System.getProperty(PROPERTY);
        if (choice == null) {
            return measured() ? "native" : "rounded";
        }
        if (!choice.equals("native") && !choice.equals("rounded")) {
            throw new IllegalArgumentException(
                    "The system property %s must be native or rounded, got %s"
                            .formatted(PROPERTY, choice));
        }
        return choice;
    }

    /** Compares, once, the best of a few products of each kind, of 5 ms or so, in turns. */
    private static synchronized boolean measured() {
        if (measured != null) {
            return measured;
        }
        TorchScript script = TorchScript.ofResources(Bfloat16.class, "product.py");
        try (NDManager manager = Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
                NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray a = manager.ones(new Shape(512, 1024));
            NDArray b = manager.ones(new Shape(1024, 1024));
            long single = Long.MAX_VALUE;
            long half = Long.MAX_VALUE;
            for (int i = 0; i < 6; i++) {
                single = Math.min(single, nanoseconds(script, a, b, 6)); // float32
                half = Math.min(half, nanoseconds(script, a, b, 15)); // bfloat16
            }
            measured = half * WORTHWHILE < single;
            return measured;
        }
    }

    private static long nanoseconds(TorchScript script, NDArray a, NDArray b, int type) {
        long start = System.nanoTime();
        script.call(a.getManager(), "product", a, b, type).close();
        return System.nanoTime() - start;
    }
}

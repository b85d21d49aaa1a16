package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.TorchScript;
import java.util.Map;

/** How matrix products are computed; the ordinal is {@code $BFLOAT16} in {@code common.py}. */
enum ProductFormat {
    /** In the type of the weights. */
    EXACT,
    /** In bfloat16. */
    BFLOAT16,
    /** In the type of the weights, of operands rounded to bfloat16. */
    ROUNDED;

    private static final String CHOICE = "djlspectral.bfloat16";

    // Where bfloat16 is hardly faster, its conversions and the rounding of results do not pay.
    private static final double WORTHWHILE = 1.2;

    static ProductFormat of(Precision precision, Device device) {
        if (precision == Precision.FLOAT32) {
            return EXACT;
        }
        return device.isGpu() ? BFLOAT16 : OnCpu.CHOSEN;
    }

    /**
     * Returns what a user chose for CPUs, or without a choice, null, what is measured to be fast.
     */
    static ProductFormat onCpu(String choice) {
        if (choice == null) {
            return measured();
        }
        return switch (choice) {
            case "native" -> BFLOAT16;
            case "rounded" -> ROUNDED;
            default ->
                    throw new IllegalArgumentException(
                            CHOICE + " must be native or rounded, got " + choice);
        };
    }

    /** Compares the best of a few products of each kind, of 5 ms or so, in turns. */
    private static ProductFormat measured() {
        TorchScript single = product(EXACT);
        TorchScript half = product(BFLOAT16);
        try (NDManager manager = Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
                NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray a = manager.ones(new Shape(512, 1024));
            NDArray b = manager.ones(new Shape(1024, 1024));
            long singleTime = Long.MAX_VALUE;
            long halfTime = Long.MAX_VALUE;
            for (int i = 0; i < 6; i++) {
                singleTime = Math.min(singleTime, nanoseconds(single, a, b));
                halfTime = Math.min(halfTime, nanoseconds(half, a, b));
            }
            return halfTime * WORTHWHILE < singleTime ? BFLOAT16 : ROUNDED;
        }
    }

    private static TorchScript product(ProductFormat format) {
        return TorchScript.ofResources(
                ProductFormat.class,
                Map.of("BFLOAT16", format.ordinal()),
                "common.py",
                "product.py");
    }

    private static long nanoseconds(TorchScript script, NDArray a, NDArray b) {
        long start = System.nanoTime();
        script.call(a.getManager(), "product", a, b).close();
        return System.nanoTime() - start;
    }

    /** Chosen once per process, when first asked for, so that all models agree. */
    private static final class OnCpu {
        static final ProductFormat CHOSEN = onCpu(System.getProperty(CHOICE));
    }
}

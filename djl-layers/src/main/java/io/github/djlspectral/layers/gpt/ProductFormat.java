package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How matrix products are computed; the ordinal is {@code $BFLOAT16} in {@code common.py}. */
enum ProductFormat {
    /** In the type of the weights. */
    EXACT,
    /** In bfloat16. */
    BFLOAT16,
    /** In the type of the weights, of operands rounded to bfloat16. */
    ROUNDED;

    /** The values of {@link Precision#BFLOAT16_PROPERTY}. */
    static final String NATIVE_NAME = "native";

    static final String ROUNDED_NAME = "rounded";

    // Where bfloat16 is hardly faster, its conversions and the rounding of results do not pay.
    private static final double WORTHWHILE = 1.2;

    private static final Map<List<?>, TorchScript> COMPILED = new ConcurrentHashMap<>();

    private static ProductFormat faster;

    /** Returns the functions of {@code gpt2.py}, with dropout in training if it is not 0. */
    TorchScript kernels(Gpt2Config config, boolean training) {
        return compiled("gpt2.py", config, training && config.dropout() != 0);
    }

    /** Returns the functions of {@code backpropagation.py}. */
    TorchScript backpropagation(Gpt2Config config) {
        return compiled("backpropagation.py", config, false);
    }

    /** Compiles once for all models that have the constants in common. */
    private TorchScript compiled(String resource, Gpt2Config config, boolean dropout) {
        int heads = config.heads();
        int drop = dropout ? 1 : 0;
        int bias = config.bias() ? 1 : 0;
        Map<String, Number> constants =
                Map.of("HEADS", heads, "DROPOUT", drop, "BIAS", bias, "BFLOAT16", ordinal());
        return COMPILED.computeIfAbsent(
                List.of(resource, constants), key -> script(resource, constants));
    }

    private static TorchScript script(String resource, Map<String, Number> constants) {
        return TorchScript.ofResources(ProductFormat.class, constants, "common.py", resource);
    }

    static ProductFormat of(Precision precision, Device device) {
        if (precision == Precision.FLOAT32) {
            return EXACT;
        }
        return device.isGpu() ? BFLOAT16 : onCpu();
    }

    /**
     * Returns the format for {@link Gpt2#next}. Rounding brings training near what other devices
     * compute; there it would only cost: a weight takes longer to round than to multiply by one
     * row, and a prompt, whose many rows would hide that, has to leave the same keys and values
     * behind.
     */
    ProductFormat withoutRounding() {
        return this == ROUNDED ? EXACT : this;
    }

    /** Returns what the user chose for CPUs, or without a choice what is measured to be fast. */
    static ProductFormat onCpu() {
        String choice = System.getProperty(Precision.BFLOAT16_PROPERTY);
        if (choice == null) {
            return measured();
        }
        return switch (choice) {
            case NATIVE_NAME -> BFLOAT16;
            case ROUNDED_NAME -> ROUNDED;
            default ->
                    throw new IllegalArgumentException(
                            "The system property %s must be native or rounded, got %s"
                                    .formatted(Precision.BFLOAT16_PROPERTY, choice));
        };
    }

    /** Measures once per process, so that all models agree. */
    private static synchronized ProductFormat measured() {
        if (faster == null) {
            faster = measure();
        }
        return faster;
    }

    /** Compares the best of a few products of each kind, of 5 ms or so, in turns. */
    private static ProductFormat measure() {
        TorchScript single = script("product.py", Map.of("BFLOAT16", EXACT.ordinal()));
        TorchScript half = script("product.py", Map.of("BFLOAT16", BFLOAT16.ordinal()));
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

    private static long nanoseconds(TorchScript script, NDArray a, NDArray b) {
        long start = System.nanoTime();
        script.call(a.getManager(), "product", a, b).close();
        return System.nanoTime() - start;
    }
}

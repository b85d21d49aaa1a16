package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
import io.github.djlspectral.torch.Bfloat16;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** How matrix products are computed; the ordinal is {@code $BFLOAT16} in {@code gpt2.py}. */
enum ProductFormat {
    /** In the type of the weights. */
    EXACT,
    /** In bfloat16. */
    BFLOAT16,
    /** In the type of the weights, of operands rounded to bfloat16. */
    ROUNDED;

    private static final Map<List<?>, TorchScript> COMPILED = new ConcurrentHashMap<>();

    /**
     * Returns the functions of {@code gpt2.py}, with dropout in training if it is not 0, and with
     * adapters if there are any; compiled once for all models that have the constants in common.
     */
    TorchScript kernels(Gpt2Config config, boolean training, Lora lora) {
        Map<String, Number> constants =
                Map.of(
                        "HEADS", config.heads(),
                        "DROPOUT", training && config.dropout() != 0 ? 1 : 0,
                        "BIAS", config.bias() ? 1 : 0,
                        "LORA", lora == null ? 0 : 1,
                        "SCALE", lora == null ? 1. : lora.scale(),
                        "BFLOAT16", ordinal());
        return COMPILED.computeIfAbsent(
                List.of(constants),
                key -> TorchScript.ofResources(ProductFormat.class, constants, "gpt2.py"));
    }

    static ProductFormat of(Precision precision, Device device) {
        if (precision == Precision.FLOAT32) {
            return EXACT;
        }
        return Bfloat16.isFast(device) ? BFLOAT16 : ROUNDED;
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
}

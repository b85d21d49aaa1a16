package io.github.djlspectral.layers.gpt;

import io.github.djlspectral.torch.TorchScript;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The native functions of {@code gpt2.py}, compiled once per set of constants. */
final class Gpt2Kernels {

    private static final Map<Map<String, Number>, TorchScript> COMPILED = new ConcurrentHashMap<>();

    private Gpt2Kernels() {}

    static TorchScript of(Gpt2Config config, Precision precision) {
        Map<String, Number> constants =
                Map.of(
                        "HEADS",
                        config.heads(),
                        "DROPOUT",
                        config.dropout(),
                        "BIAS",
                        config.bias() ? 1 : 0,
                        "BFLOAT16",
                        precision == Precision.BFLOAT16 ? 1 : 0);
        return COMPILED.computeIfAbsent(
                constants, c -> TorchScript.ofResource(Gpt2Kernels.class, "gpt2.py", c));
    }
}

package io.github.djlspectral.layers.gpt;

import io.github.djlspectral.torch.TorchScript;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The native functions of {@link Gpt2}, compiled once per set of constants. */
final class Gpt2Kernels {

    private static final Map<Key, TorchScript> COMPILED = new ConcurrentHashMap<>();

    private Gpt2Kernels() {}

    /** Returns the functions of {@code gpt2.py}. */
    static TorchScript of(Gpt2Config config, ProductFormat format) {
        return compiled("gpt2.py", config, format);
    }

    /** Returns the functions of {@code backpropagation.py}. */
    static TorchScript backpropagation(Gpt2Config config, ProductFormat format) {
        return compiled("backpropagation.py", config, format);
    }

    private static TorchScript compiled(String resource, Gpt2Config config, ProductFormat format) {
        Key key = new Key(resource, config.heads(), config.dropout(), config.bias(), format);
        return COMPILED.computeIfAbsent(key, Key::compile);
    }

    /** What the source depends on. */
    private record Key(
            String resource, int heads, float dropout, boolean bias, ProductFormat format) {

        TorchScript compile() {
            Map<String, Number> constants =
                    Map.of(
                            "HEADS",
                            heads,
                            "DROPOUT",
                            dropout,
                            "BIAS",
                            bias ? 1 : 0,
                            "BFLOAT16",
                            format.ordinal());
            return TorchScript.ofResources(Gpt2Kernels.class, constants, "common.py", resource);
        }
    }
}

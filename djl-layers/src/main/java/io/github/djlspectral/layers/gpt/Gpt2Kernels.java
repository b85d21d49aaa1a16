package io.github.djlspectral.layers.gpt;

import io.github.djlspectral.torch.TorchScript;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The native functions of {@link Gpt2}, compiled once per set of constants. */
final class Gpt2Kernels {

    private static final Map<Key, TorchScript> COMPILED = new ConcurrentHashMap<>();

    private Gpt2Kernels() {}

    /** Returns the functions of {@code gpt2.py}, with dropout in training if it is not 0. */
    static TorchScript of(Gpt2Config config, boolean training, ProductFormat format) {
        boolean dropout = training && config.dropout() != 0;
        return compiled(new Key("gpt2.py", config.heads(), dropout, config.bias(), format));
    }

    /** Returns the functions of {@code backpropagation.py}. */
    static TorchScript backpropagation(Gpt2Config config, ProductFormat format) {
        return compiled(
                new Key("backpropagation.py", config.heads(), false, config.bias(), format));
    }

    private static TorchScript compiled(Key key) {
        return COMPILED.computeIfAbsent(key, Key::compile);
    }

    /** What the source depends on. */
    private record Key(
            String resource, int heads, boolean dropout, boolean bias, ProductFormat format) {

        TorchScript compile() {
            Map<String, Number> constants =
                    Map.of(
                            "HEADS",
                            heads,
                            "DROPOUT",
                            dropout ? 1 : 0,
                            "BIAS",
                            bias ? 1 : 0,
                            "BFLOAT16",
                            format.ordinal());
            return TorchScript.ofResources(Gpt2Kernels.class, constants, "common.py", resource);
        }
    }
}

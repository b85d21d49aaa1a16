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
        return compiled("gpt2.py", config, training && config.dropout() != 0, format);
    }

    /** Returns the functions of {@code backpropagation.py}. */
    static TorchScript backpropagation(Gpt2Config config, ProductFormat format) {
        return compiled("backpropagation.py", config, false, format);
    }

    private static TorchScript compiled(
            String resource, Gpt2Config config, boolean dropout, ProductFormat format) {
        int bias = config.bias() ? 1 : 0;
        Key key = new Key(resource, config.heads(), dropout ? 1 : 0, bias, format.ordinal());
        return COMPILED.computeIfAbsent(key, Key::compile);
    }

    /** What the source depends on. */
    private record Key(String resource, int heads, int dropout, int bias, int format) {

        TorchScript compile() {
            Map<String, Number> constants =
                    Map.of("HEADS", heads, "DROPOUT", dropout, "BIAS", bias, "BFLOAT16", format);
            return TorchScript.ofResources(Gpt2Kernels.class, constants, "common.py", resource);
        }
    }
}

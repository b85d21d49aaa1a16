package io.github.djlspectral.layers.gpt;

/** The number format of {@link Gpt2}'s matrix products. Weights are float32 in both. */
public enum Precision {
    /** Everything in float32. */
    FLOAT32,

    /**
     * Matrix products, attention and GELU in bfloat16 (8 bits of precision); normalisation, the
     * residual stream, the loss and gradients of the weights as they accumulate in float32. Faster
     * where the device has bfloat16 arithmetic: GPUs, and CPUs with AVX512-BF16 or AMX.
     */
    BFLOAT16
}

package io.github.djlspectral.layers.gpt;

import io.github.djlspectral.torch.Bfloat16;

/** The number format of {@link Gpt2}'s matrix products. Weights are float32 in both. */
public enum Precision {
    /** Everything in float32. */
    FLOAT32,

    /**
     * Matrix products, attention and GELU in bfloat16 (8 bits of precision); normalisation, the
     * residual stream, the loss and gradients of the weights as they accumulate in float32. Faster
     * where the device has fast bfloat16 arithmetic: GPUs, and CPUs with AMX.
     *
     * <p>On other CPUs operands of products with weights are rounded to bfloat16 and multiplied in
     * float32, which is as fast as float32 but for the rounding: a product of two bfloat16 numbers
     * is exact in float32. Results, attention and GELU are then not rounded, and {@link Gpt2#next}
     * rounds nothing at all: one row is multiplied sooner than the weight is rounded. {@link
     * Bfloat16#onCpu} tells which it is in this process, and {@link Bfloat16#PROPERTY} decides it.
     */
    BFLOAT16
}

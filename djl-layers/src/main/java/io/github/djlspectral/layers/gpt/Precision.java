package io.github.djlspectral.layers.gpt;

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
     * is exact in float32. Results, attention and GELU are then not rounded. The first use in a
     * process measures for some 50 ms which it is to be; the system property {@code
     * djlspectral.bfloat16}, {@code native} or {@code rounded}, decides it instead, so that a run
     * continues in the arithmetic in which it began.
     */
    BFLOAT16
}

package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
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
     * #bfloat16Products} tells which it is in this process and how to decide it.
     */
    BFLOAT16;

    /**
     * The system property {@value} that decides how {@link #BFLOAT16} multiplies on CPUs: {@code
     * native}, in bfloat16, or {@code rounded}, rounded operands in float32. It is read at each
     * use; an {@link IllegalArgumentException} names any other value. To set it before a model is
     * used is to continue a run in the arithmetic in which it began.
     */
    public static final String BFLOAT16_PROPERTY = Bfloat16.PROPERTY;

    /**
     * {@return how {@link #BFLOAT16} multiplies on CPUs in this process, {@code native} or {@code
     * rounded}: as {@link #BFLOAT16_PROPERTY} says, or without it, as is measured to be the faster
     * way} The first use measures, for some 50 ms; all later ones in the process agree with it.
     * GPUs always multiply in bfloat16.
     *
     * @throws IllegalArgumentException if the property has another value
     */
    public static String bfloat16Products() {
        return Bfloat16.isFast(Device.cpu()) ? "native" : "rounded";
    }
}

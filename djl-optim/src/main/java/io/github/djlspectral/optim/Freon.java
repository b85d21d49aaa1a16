package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Freon: steps along {@code (M M^T)^(-c) M} for the momentum M, any exponent c in [0, 1]. With
 * singular values s, that is {@code s^(1 - 2c)}: c = 0 is the direction of SGD, c = 1/2 Muon's, and
 * above 1/2 the spectrum is inverted, small directions move most. "Muon is Not That Special: Random
 * or Inverted Spectra Work Just as Well", arXiv:2605.11181, where c between 1/2 and 3/4 was best
 * for GPT-2; in the norm's terms q = 2 (1 - c), so q = 1 is Muon and q = 2 SGD.
 *
 * <p>The default exponent is 2/3. Tiny singular values, which c > 1/2 amplifies, are held back by a
 * {@linkplain Builder#optFloor floor}. See {@link SpectralOptimizer} for the step and for what it
 * applies to.
 *
 * <pre>{@code
 * Optimizer freon = Freon.builder()
 *         .optExponent(2.0 / 3)
 *         .optLearningRateTracker(Tracker.fixed(0.02f))
 *         .optRouting(ParameterRouting.of(block))
 *         .build();
 * }</pre>
 */
public final class Freon extends SpectralOptimizer {

    /** What makes an update independent of the scale of the momentum. */
    public enum Normalization {

        /**
         * The paper's: the mean Schatten norm of the momentum, over all k singular values, becomes
         * 1 before the power. Singular values of the update are 1 for c = 1/2, but their root mean
         * square depends on c and on the spectrum: learning rates do not carry over between
         * exponents. As c approaches 1 the update of a rank-deficient momentum approaches the
         * floor.
         */
        SCHATTEN,

        /**
         * The same, with the mean over the numerical rank only: each singular value counts with
         * weight {@code s^2 / (s^2 + e)}, e the regularisation, which is 1 but for those below the
         * floor.
         */
        SCHATTEN_OVER_RANK,

        /**
         * The update gets the Frobenius norm that Muon's would have, with the same floor: one
         * learning rate serves all exponents. For floors below 1e-6 rounding has a say in which
         * directions count: the norm of rank-deficient float32 matrices was off by up to 30%.
         */
        MUON_RMS
    }

    /** How the power is computed, always in float64. */
    public enum Method {

        /** Eigendecomposition of the Gram matrix: every exponent; the default on a CPU. */
        EIGH,

        /** Singular value decomposition: every exponent; the default for float64 weights. */
        SVD,

        /**
         * Partial fractions of independent Cholesky inverses: every exponent, with a floor of at
         * least 1e-4 if one is set; the default on a GPU, where it has not been measured. There all
         * are factorized together and nothing waits for whether that succeeded: where rounding,
         * which is far below such a floor, let one fail, the weight would become NaN.
         */
        PARTIAL_FRACTIONS
    }

    private Freon(Builder builder) {
        super(
                builder,
                new PowerMap(
                        "power(" + builder.exponent + ")",
                        builder.exponent,
                        builder.floor,
                        builder.normalization,
                        builder.method));
    }

    /** {@return a new builder with exponent 2/3} */
    public static Builder builder() {
        return new Builder();
    }

    /** Builds a {@link Freon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private double exponent = 2.0 / 3;
        private OptionalDouble floor = OptionalDouble.empty();
        private Normalization normalization = Normalization.SCHATTEN;
        private Method method;

        private Builder() {}

        /**
         * Sets the exponent. Default: 2/3.
         *
         * @param exponent c in {@code (M M^T)^(-c) M}, in [0, 1]
         * @return this builder
         */
        public Builder optExponent(double exponent) {
            this.exponent = exponent;
            return this;
        }

        /**
         * Sets the floor: singular values s enter the power as {@code (s^2 + floor^2 r^2)^(1/2)}, r
         * their root mean square. The update's singular values are then at most {@code floor^(1 -
         * 2c)} for c > 1/2, up to {@code (1 + floor^2)^(c - 1/2)}, with {@link
         * Normalization#SCHATTEN}.
         *
         * <p>Default: 0.01 for c > 1/2. On square Gaussian matrices of 768 rows and c = 2/3, the
         * update's root mean square is then 1.21 instead of 1.35, and 5% instead of 19% of its
         * energy lie in the top 1% of its directions; for c = 3/4 1.5 instead of 2.2, and 11%
         * instead of 53%. Those are medians of 60 matrices: without a floor one of ten exceeds 1.5
         * for c = 2/3 and 3.4 for c = 3/4, with it they differ by 1%. For c up to 1/2 the default
         * only guards against rounding: 1e-12 of the sum of squares. Exponent 0 with {@link
         * Normalization#SCHATTEN} uses no floor.
         *
         * @param floor relative to the root mean square singular value, in [0, 1]; 0: none
         * @return this builder
         */
        public Builder optFloor(double floor) {
            this.floor = OptionalDouble.of(floor);
            return this;
        }

        /**
         * Sets the normalisation. Default: {@link Normalization#SCHATTEN}.
         *
         * @param normalization the normalisation
         * @return this builder
         */
        public Builder optNormalization(Normalization normalization) {
            this.normalization = Objects.requireNonNull(normalization, "normalization");
            return this;
        }

        /**
         * Sets the computation. Default: the best known for device and exponent; {@link
         * SpectralMap#kernel(Shape, DataType, Device)} of {@link SpectralOptimizer#getMap} tells
         * which.
         *
         * @param method the computation
         * @return this builder
         */
        public Builder optMethod(Method method) {
            this.method = Objects.requireNonNull(method, "method");
            return this;
        }

        /** {@return the optimizer, without state} Values out of their ranges are refused. */
        public Freon build() {
            return new Freon(this);
        }
    }
}

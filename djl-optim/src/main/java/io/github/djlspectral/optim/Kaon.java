package io.github.djlspectral.optim;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Kaon: steps along the momentum with its singular values replaced by noise, as good as Muon in the
 * experiments of "Muon is Not That Special: Random or Inverted Spectra Work Just as Well",
 * arXiv:2605.11181. By default the noise is {@link SpectralMap#chaotic chaos}, with five
 * iterations: no decomposition, no random numbers, spectral norm below 1. The root mean square of
 * its singular values is 0.58 in the long run and, after five iterations of Gaussian matrices from
 * 64 x 64 to 384 x 1536, 0.43 to 0.59: at equal learning rate it moves about half as far as Muon.
 * With {@link Builder#optRandomSpectrum} the singular values are independent draws from a bounded
 * positive interval, to which the paper's convergence theorem applies.
 *
 * <p>A momentum of rank 1 (one row or column, or the gradient of a linear layer for a single
 * vector, without momentum of others) moves nothing but by weight decay: divided by its Frobenius
 * norm its singular value is 1, which chaos maps to 0. So it is in the paper, and with any other
 * divisor another spectrum would meet that zero. Where such momenta are to be expected, draw the
 * spectrum or route the parameter to the fallback.
 *
 * <p>Chaotic runs repeat bit for bit on one machine, not across devices or library versions: a
 * rounding error of the first iteration is a different spectrum after the last. See {@link
 * SpectralOptimizer} for the step and for what it applies to.
 */
public final class Kaon extends SpectralOptimizer {

    /** What is above the largest value of the chaotic map, 1.1735. */
    static final double BOUND = 1.175;

    /** After 24 nothing is left of a float32 matrix's singular values (measured). */
    static final int MAX_ITERATIONS = 32;

    private static final double GAIN = 4.1;

    private Kaon(Builder builder) {
        super(builder, builder.map);
    }

    /** Returns 4.1 s (1 - s^2)^2 as odd quintics, the last one divided by the bound. */
    static List<double[]> steps(int iterations) {
        require(
                iterations >= 1 && iterations <= MAX_ITERATIONS,
                "The number of iterations must be in [1, " + MAX_ITERATIONS + "]",
                iterations);
        double[] step = {GAIN, -2 * GAIN, GAIN};
        List<double[]> steps = new ArrayList<>(Collections.nCopies(iterations - 1, step));
        steps.add(new double[] {GAIN / BOUND, -2 * GAIN / BOUND, GAIN / BOUND});
        return steps;
    }

    /** {@return a new builder for the chaotic map} */
    public static Builder builder() {
        return new Builder();
    }

    /** Builds a {@link Kaon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private SpectralMap map = SpectralMap.chaotic(5);

        private Builder() {}

        /**
         * Sets the number of iterations of the chaotic map. Default: 5. Each takes as long as one
         * of Newton-Schulz or less, and after 24 nothing of a float32 matrix's singular values is
         * left but rounding. Takes the place of {@link #optRandomSpectrum(long)}.
         *
         * @param iterations in [1, {@value Kaon#MAX_ITERATIONS}]
         * @return this builder
         */
        public Builder optIterations(int iterations) {
            map = SpectralMap.chaotic(iterations);
            return this;
        }

        /**
         * Draws the singular values, uniform on [0.5, 1.5], instead of iterating.
         *
         * @param seed decides the draws
         * @return this builder
         */
        public Builder optRandomSpectrum(long seed) {
            return optRandomSpectrum(0.5, 1.5, seed);
        }

        /**
         * Draws the singular values, uniform on [low, high], instead of iterating. Draws depend on
         * the seed, the step and the name of the parameter alone, so a resumed run continues with
         * the same. Without a routing parameters have no lasting names: then all matrices of equal
         * rank share their draws at a step.
         *
         * @param low the least singular value, positive
         * @param high the largest singular value, at least {@code low} and finite
         * @param seed decides the draws
         * @return this builder
         */
        public Builder optRandomSpectrum(double low, double high, long seed) {
            map = SpectralMap.randomSpectrum(low, high, seed);
            return this;
        }

        /** {@return the optimizer, without state} */
        public Kaon build() {
            return new Kaon(this);
        }
    }
}

package io.github.djlspectral.optim.extra;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import java.util.Map;

/**
 * NorMuon: Muon whose neurons move by equal amounts. With O the polar factor of the momentum and v
 * a running mean of the squares of its rows, {@code v = b v + (1 - b) mean(O o O)}, the update is
 * {@code O / (sqrt(v) + e)}, scaled to the Frobenius norm of O. Li et al., "NorMuon: Making Muon
 * more efficient and scalable", arXiv:2510.05491, there with {@link
 * io.github.djlspectral.optim.UpdateScale#MATCH_RMS}. State beside the momentum: a number for each
 * row. Use it where rows of a Muon update differ much in length, as those of tall matrices do.
 */
public final class NorMuon extends SpectralOptimizer {

    private static final double EPSILON = 1e-8;

    private final double beta;

    private NorMuon(Builder builder) {
        super(builder, SpectralMap.polar(), "normuon.py");
        beta = builder.beta;
    }

    /** {@return a new builder with Muon's defaults and a beta of 0.95} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        return Map.of("variance", new Shape(blocks, rows, 1));
    }

    @Override
    protected double[] numbers() {
        return new double[] {beta, EPSILON};
    }

    /** Builds a {@link NorMuon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private double beta = 0.95;

        private Builder() {}

        /**
         * Sets the share of the past in the running mean of squares. Default: 0.95.
         *
         * @param beta in [0, 1)
         * @return this builder
         * @throws IllegalArgumentException if it is out of range
         */
        public Builder optBeta(double beta) {
            require(beta >= 0 && beta < 1, "optBeta must be in [0, 1)", beta);
            this.beta = beta;
            return this;
        }

        /** {@return the optimizer, without state} */
        public NorMuon build() {
            return new NorMuon(this);
        }
    }
}

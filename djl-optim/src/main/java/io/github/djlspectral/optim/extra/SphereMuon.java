package io.github.djlspectral.optim.extra;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Muon on a sphere: after each step the weight gets back the norm that the first one left it with,
 * the spectral norm ({@code w = w R / |w|_2}) or Frobenius's. The former is MuonSphere of
 * "Controlled LLM Training on Spectral Sphere", arXiv:2601.08393, which is its SSO without the
 * search for a tangent direction; the latter the retraction of hypersphere optimization. State
 * beside the momentum: the norm, and for the spectral one a vector of as many numbers as columns.
 * Use it without weight decay, where rates are to carry over between widths.
 */
public final class SphereMuon extends SpectralOptimizer {

    private final boolean spectral;

    private SphereMuon(Builder builder) {
        super(builder, SpectralMap.polar(), "spheres.py");
        spectral = builder.spectral;
    }

    /** {@return a new builder with Muon's defaults for the sphere of the spectral norm} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put("radius", new Shape(blocks, 1, 1));
        shapes.put("vector", new Shape(blocks, 1, columns));
        return shapes;
    }

    @Override
    protected double[] numbers() {
        return new double[] {spectral ? 1 : 0};
    }

    /** Builds a {@link SphereMuon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private boolean spectral = true;

        private Builder() {}

        /**
         * Sets which norm stays. Default: the spectral norm.
         *
         * @param frobenius whether it is Frobenius's
         * @return this builder
         */
        public Builder optFrobenius(boolean frobenius) {
            spectral = !frobenius;
            return this;
        }

        /** {@return the optimizer, without state} */
        public SphereMuon build() {
            return new SphereMuon(this);
        }
    }
}

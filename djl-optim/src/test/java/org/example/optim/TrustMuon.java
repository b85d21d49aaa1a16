package org.example.optim;

// snippet: own-optimizer
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import java.util.Map;

/** Muon by a map of its own, with steps in proportion to the weight. */
public final class TrustMuon extends SpectralOptimizer {

    private static final SpectralMap CUBIC =
            SpectralMap.of(Kernel.of(TrustMuon.class, "cubic.py", 12));

    private TrustMuon(Builder builder) {
        super(builder, CUBIC, "trust.py");
    }

    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        return Map.of("length", new Shape(blocks, 1, 1));
    }

    @Override
    protected double[] numbers() {
        return new double[] {0.9};
    }

    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        public TrustMuon build() {
            return new TrustMuon(this);
        }
    }
}
// end

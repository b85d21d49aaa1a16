package io.github.djlspectral.optim.extra;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;
import java.util.Map;
import java.util.TreeMap;

/**
 * SOAP: Adam in the eigenbases of Shampoo's preconditioners. With {@code L = b L + (1 - b) G G^T},
 * {@code R = b R + (1 - b) G^T G}, b = 0.95, and their eigenvectors P and Q, Adam's variance is
 * that of {@code P^T G Q}, its mean that of G turned so, and the step is turned back. Vyas et al.,
 * "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv:2409.11321; the bases follow by one
 * power iteration every 10 steps, the paper's choice, and the first step only finds them, as in the
 * authors' code. State beside G, m x n: two arrays m x n, two m x m, two n x n. Use it where a step
 * may cost more than Muon's and memory is plenty.
 */
public final class Soap extends SpectralOptimizer {

    private Soap(Builder builder) {
        super(builder, SpectralMap.of(Kernel.of(Soap.class, "identity.py")), "soap.py");
    }

    /** {@return a new builder: learning rate 0.003} */
    public static Builder builder() {
        return new Builder()
                .optMomentum(0)
                .optUpdateScale(UpdateScale.NONE)
                .optLearningRateTracker(Tracker.fixed(0.003f));
    }

    @Override
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        Shape g = new Shape(blocks, rows, columns);
        Shape l = new Shape(blocks, rows, rows);
        Shape r = new Shape(blocks, columns, columns);
        return new TreeMap<>(Map.of("L", l, "P", l, "Q", r, "R", r, "mean", g, "variance", g));
    }

    /** Builds a {@link Soap}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private Builder() {}

        /** {@return the optimizer, without state} */
        public Soap build() {
            return new Soap(this);
        }
    }
}

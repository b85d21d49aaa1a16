package io.github.djlspectral.optim.extra;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * SOAP: Adam in the eigenbases of Shampoo's preconditioners. With {@code L = b2 L + (1 - b2) G
 * G^T}, {@code R = b2 R + (1 - b2) G^T G} and their eigenvectors P and Q, Adam's variance is that
 * of {@code P^T G Q}, its mean that of G turned so, and the step is turned back. Vyas et al.,
 * "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv:2409.11321; the bases follow by one
 * power iteration every so many steps, and the first step, which the authors' code skips, is made.
 * State beside G, m x n: two arrays m x n, two m x m, two n x n. Use it where a step may cost more
 * than Muon's and memory is plenty.
 */
public final class Soap extends SpectralOptimizer {

    static final SpectralMap IDENTITY = SpectralMap.of(Kernel.of(Soap.class, "identity.py"));

    private final double[] numbers;

    private Soap(Builder builder) {
        super(builder, IDENTITY, "soap.py");
        numbers = new double[] {0.95, 0.95, 1e-8, builder.interval};
    }

    /** {@return a new builder: learning rate 0.003, new bases every 10 steps, betas 0.95} */
    public static Builder builder() {
        return new Builder()
                .optMomentum(0)
                .optUpdateScale(UpdateScale.NONE)
                .optLearningRateTracker(Tracker.fixed(0.003f));
    }

    @Override
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put("mean", new Shape(blocks, rows, columns));
        shapes.put("variance", new Shape(blocks, rows, columns));
        shapes.put("left", new Shape(blocks, rows, rows));
        shapes.put("right", new Shape(blocks, columns, columns));
        shapes.put("left basis", new Shape(blocks, rows, rows));
        shapes.put("right basis", new Shape(blocks, columns, columns));
        return shapes;
    }

    @Override
    protected double[] numbers() {
        return numbers.clone();
    }

    /** Builds a {@link Soap}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private int interval = 10;

        private Builder() {}

        /**
         * Sets the number of steps between new bases. Default: 10.
         *
         * @param interval at least 1
         * @return this builder
         * @throws IllegalArgumentException if it is less
         */
        public Builder optInterval(int interval) {
            require(interval >= 1, "optInterval must be at least 1", interval);
            this.interval = interval;
            return this;
        }

        /** {@return the optimizer, without state} */
        public Soap build() {
            return new Soap(this);
        }

        @Override
        protected Builder self() {
            return this;
        }
    }
}

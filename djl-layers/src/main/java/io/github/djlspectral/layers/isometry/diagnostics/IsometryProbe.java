package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import java.util.List;

/**
 * Measures how isometric a network is on a fixed batch, and leaves it bit for bit as it was: its
 * parameters, their gradients and the engine's generator. Directions are the same at each
 * measurement. The network is run in evaluation mode.
 *
 * <p>Cost, for p outputs: the Jacobian at the first point ({@link JacobianSpectrum#jacobian}), its
 * singular values, and forward and backward passes of the batch, two for each probe; a copy of the
 * parameters.
 */
public final class IsometryProbe {

    private final NDArray inputs;
    private final double perturbation;
    private final int probes;
    private final long seed;

    private IsometryProbe(Builder builder) {
        inputs = builder.inputs;
        perturbation = builder.perturbation;
        probes = builder.probes;
        seed = builder.seed;
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return what is found of a network, in evaluation mode; its parameters stay as they are}
     *
     * @param block an initialised block [B, ..] to [B, ..] that treats rows independently
     */
    public IsometryMeasurement measure(Block block) {
        try (NDManager scratch = inputs.getManager().newSubManager()) {
            return measure(block, scratch);
        }
    }

    private IsometryMeasurement measure(Block block, NDManager scratch) {
        NDArray first = inputs.get(0);
        first.attach(scratch);
        NDArray jacobian = JacobianSpectrum.jacobian(block, scratch, first);
        Spread values = Spread.of(Linearization.call(scratch, "singular_values", jacobian));
        List<LayerProfile> layers =
                block instanceof SequentialBlock network
                        ? LayerProfile.of(network, scratch, inputs, seed)
                        : List.of();
        return new IsometryMeasurement(
                values.max(),
                values.min(),
                JacobianDeviation.of(jacobian),
                layers,
                Shattering.jacobianCosine(block, scratch, inputs, perturbation, probes, seed),
                Shattering.distanceRatio(block, scratch, inputs));
    }

    /** Builds an {@link IsometryProbe}. */
    public static final class Builder {

        private NDArray inputs;
        private double perturbation = 0.1;
        private int probes = 8;
        private long seed = 1;

        private Builder() {}

        /**
         * Sets the points to measure at (required).
         *
         * @param inputs [B, ..], two or more, different; the caller keeps them open
         * @return this builder
         */
        public Builder setInputs(NDArray inputs) {
            this.inputs = inputs;
            return this;
        }

        /**
         * Sets how far beside a point the other Jacobian is taken. Default: 0.1.
         *
         * @param perturbation relative to the length of the point, positive and finite
         * @return this builder
         */
        public Builder optPerturbation(double perturbation) {
            this.perturbation = perturbation;
            return this;
        }

        /**
         * Sets the number of products that estimate the cosine of Jacobians; with as many as there
         * are outputs it is exact. Default: 8.
         *
         * @param probes at least 1
         * @return this builder
         */
        public Builder optProbes(int probes) {
            this.probes = probes;
            return this;
        }

        /**
         * Sets the seed of all directions. Default: 1.
         *
         * @param seed the seed
         * @return this builder
         */
        public Builder optSeed(long seed) {
            this.seed = seed;
            return this;
        }

        /** {@return the probe} Values out of their ranges are refused. */
        public IsometryProbe build() {
            Shape shape = inputs == null ? new Shape() : inputs.getShape();
            boolean legal = shape.dimension() >= 2 && shape.get(0) >= 2;
            String rule = "The inputs must be two points or more, [B, ..], were %s";
            require(legal, rule, inputs == null ? "not set" : shape);
            Shattering.check(perturbation, probes);
            return new IsometryProbe(this);
        }
    }
}

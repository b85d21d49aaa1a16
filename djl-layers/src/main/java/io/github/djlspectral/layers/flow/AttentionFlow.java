package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.SelfDescribingBlock;
import io.github.djlspectral.optim.FusedWeights;
import io.github.djlspectral.torch.GraphConstants;
import java.util.ArrayList;
import java.util.List;

/**
 * Multi-headed attention as a gradient flow of its tokens: unit vectors [B, n, d] in and out, each
 * layer one explicit Euler step downhill,
 *
 * <pre>{@code
 * w_i^h = sum_j softmax_j(<x_i, D_h x_j> / temperature) D_h x_j
 * x_i <- normalised(x_i - stepSize mean_h P_i w_i^h)
 * }</pre>
 *
 * <p>P_i the projection to the tangent space at x_i. It decreases the energy {@code temperature
 * sum_h sum_ij exp(<x_i, D_h x_j> / temperature) / (2 H n^2)} up to the step size; see {@link
 * FlowPath} for the precise balance. arXiv:2605.18870. Attention is fused: no exponential
 * overflows, whatever the weights, and memory grows with n, not its square.
 *
 * <p>Parameters: {@code weight} of each step, or of all steps if they are shared, [H d, d]: H
 * matrices W_h, of which {@code D_h = (W_h + W_h^T) / 2} is used, so that the weights stay
 * symmetric under any optimizer. Initially normal with standard deviation {@code 1 / sqrt(d)}. Cost
 * of a step: two products with H d x d matrices and H attentions over n tokens per sequence; all
 * steps are one native call. Forward checks that tokens have length 1, which waits for a GPU.
 */
public final class AttentionFlow extends SelfDescribingBlock implements FusedWeights {

    private static final double UNIT_TOLERANCE = 1e-3;

    private final int dimension;
    private final int heads;
    private final int steps;
    private final double stepSize;
    private final double temperature;
    private final List<Parameter> weights = new ArrayList<>();

    private AttentionFlow(Builder builder) {
        super(
                "dimension", builder.dimension,
                "heads", builder.heads,
                "steps", builder.steps,
                "stepSize", builder.stepSize,
                "temperature", builder.temperature,
                "sharedWeights", builder.shared);
        dimension = builder.dimension;
        heads = builder.heads;
        steps = builder.steps;
        stepSize = builder.stepSize;
        temperature = builder.temperature;
        int count = builder.shared ? 1 : steps;
        for (int i = 0; i < count; i++) {
            Parameter.Builder weight = Parameter.builder().setType(Parameter.Type.WEIGHT);
            weight.setName(builder.shared ? "weight" : "step." + i + ".weight");
            weight.optShape(new Shape((long) heads * dimension, dimension));
            weight.optInitializer(new NormalInitializer((float) (1 / Math.sqrt(dimension))));
            weights.add(addParameter(weight.build()));
        }
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected NDList forwardOne(ParameterStore store, NDArray tokens, boolean training) {
        requireTokens(tokens);
        NDList values = values(store, tokens, training);
        try (NDArray settings = settings(tokens)) {
            return FlowKernels.NATIVE.forward(
                    training, tokens.getManager(), "last", tokens, values, settings);
        }
    }

    /**
     * {@return the paths of the sequences of a batch through the steps, without a gradient, to see
     * energy and dissipation along the depth}
     *
     * @param parameterStore the parameters on each device
     * @param tokens [B, n, d], unit vectors
     * @throws IllegalArgumentException if shape, type or a length is not as described
     */
    public List<FlowPath> paths(ParameterStore parameterStore, NDArray tokens) {
        requireTokens(tokens);
        NDList values = values(parameterStore, tokens, false);
        NDManager manager = tokens.getManager();
        try (NDArray settings = settings(tokens);
                NDList states = FlowKernels.NATIVE.call(manager, "flow", tokens, values, settings);
                NDList symmetric = symmetric(values)) {
            List<FlowPath> paths = new ArrayList<>();
            for (long b = 0; b < tokens.getShape().get(0); b++) {
                try (NDList path = sequence(states, b)) {
                    paths.add(FlowPath.of(path, symmetric, stepSize * temperature));
                }
            }
            return paths;
        }
    }

    private static NDList sequence(NDList states, long b) {
        NDList path = new NDList();
        states.forEach(state -> path.add(state.get(b)));
        return path;
    }

    /** The weights of each step as the flow uses them, [H, d, d], by the temperature. */
    private NDList symmetric(NDList values) {
        NDList symmetric = new NDList();
        for (NDArray value : values) {
            try (NDArray w = value.reshape(heads, dimension, dimension);
                    NDArray transposed = w.transpose(0, 2, 1);
                    NDArray sum = w.add(transposed)) {
                symmetric.add(sum.div(2 * temperature));
            }
        }
        return symmetric;
    }

    private NDList values(ParameterStore parameterStore, NDArray tokens, boolean training) {
        NDList values = new NDList();
        for (int i = 0; i < steps; i++) {
            Parameter weight = weights.get(Math.min(i, weights.size() - 1));
            values.add(parameterStore.getValue(weight, tokens.getDevice(), training));
        }
        return values;
    }

    private NDArray settings(NDArray tokens) {
        return GraphConstants.of(tokens.getManager(), tokens.getDataType(), stepSize, temperature);
    }

    private void requireTokens(NDArray tokens) {
        Shape shape = tokens.getShape();
        boolean legal = shape.dimension() == 3 && shape.get(2) == dimension && shape.get(1) > 0;
        require(legal, "Tokens must be [batch, n, %s], n at least 1, were %s", dimension, shape);
        DataType type = tokens.getDataType();
        legal = type == DataType.FLOAT32 || type == DataType.FLOAT64;
        require(legal, "Tokens must be float32 or float64, were %s", type);
        if (shape.get(0) == 0) {
            return;
        }
        double off = FlowKernels.NATIVE.callDouble(tokens.getManager(), "off_sphere", tokens);
        String rule = "Tokens must be finite, of length 1, one is off by %s: divide by the length";
        require(off <= UNIT_TOLERANCE, rule, off);
    }

    /** {@return the number of heads, each of which has a matrix of its own} */
    @Override
    public int matrices(String parameter) {
        return heads;
    }

    /** Builds an {@link AttentionFlow}. */
    public static final class Builder {

        private int dimension;
        private int heads;
        private int steps;
        private double stepSize;
        private double temperature = 1;
        private boolean shared;

        private Builder() {}

        /**
         * Sets the length of the token vectors (required).
         *
         * @param dimension d, at least 2
         * @return this builder
         */
        public Builder setDimension(int dimension) {
            this.dimension = dimension;
            return this;
        }

        /**
         * Sets the number of heads (required).
         *
         * @param heads H, at least 1
         * @return this builder
         */
        public Builder setHeads(int heads) {
            this.heads = heads;
            return this;
        }

        /**
         * Sets the number of steps, the depth (required).
         *
         * @param steps at least 1
         * @return this builder
         */
        public Builder setSteps(int steps) {
            this.steps = steps;
            return this;
        }

        /**
         * Sets the time per step (required).
         *
         * @param stepSize positive and finite
         * @return this builder
         */
        public Builder setStepSize(double stepSize) {
            this.stepSize = stepSize;
            return this;
        }

        /**
         * Sets the temperature of the exponential kernel. Default: 1.
         *
         * @param temperature positive and finite
         * @return this builder
         */
        public Builder optTemperature(double temperature) {
            this.temperature = temperature;
            return this;
        }

        /**
         * Sets whether all steps share one set of weights: a flow with constant weights. Default:
         * false.
         *
         * @param shared whether to share
         * @return this builder
         */
        public Builder optSharedWeights(boolean shared) {
            this.shared = shared;
            return this;
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public AttentionFlow build() {
            requireAtLeast(2, "The dimension", dimension);
            requireAtLeast(1, "The number of heads", heads);
            requireAtLeast(1, "The number of steps", steps);
            requirePositive("The step size", stepSize);
            requirePositive("The temperature", temperature);
            return new AttentionFlow(this);
        }
    }
}

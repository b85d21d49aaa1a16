package io.github.djlspectral.layers.isometry.loss;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.torch.GraphConstants;
import java.util.List;

/**
 * A penalty on weights that are not orthogonal, to be added to a task's loss:
 *
 * <pre>{@code
 * new SimpleCompositeLoss()
 *         .addLoss(Loss.softmaxCrossEntropyLoss())
 *         .addLoss(OrthogonalityLoss.ofMatrices(weights, 0.1f));
 * }</pre>
 *
 * <p>It is exact, not estimated. For a residual fold whose active rows are S it bounds how far its
 * Jacobian is from orthogonal: {@code J^T J - I = 4 W_S^T (W_S W_S^T - I) W_S}.
 */
public final class OrthogonalityLoss extends Loss {

    private final String function;
    private final List<Parameter> weights;
    private final float lambda;

    private OrthogonalityLoss(String function, int rank, List<Parameter> weights, float lambda) {
        super("OrthogonalityLoss");
        this.function = function;
        this.weights = List.copyOf(weights);
        this.lambda = lambda;
        require(!weights.isEmpty(), "There are no weights");
        requireFactor(lambda);
        for (Parameter weight : weights) {
            Shape shape = weight.getShape();
            boolean legal = shape == null || shape.dimension() == rank;
            String rule = "Weight %s must have %s dimensions, was %s";
            require(legal, rule, weight.getName(), rank, shape);
        }
    }

    static void requireFactor(float lambda) {
        boolean legal = Float.isFinite(lambda) && lambda >= 0;
        require(legal, "lambda must be finite and not negative, was %s", lambda);
    }

    /**
     * {@return {@code lambda sum |W W^T - I|_F^2}, for a tall W {@code |W^T W - I|_F^2}} Its
     * gradient is {@code 4 lambda (W W^T - I) W}.
     *
     * @param weights matrices [m, n], at least one, initialised when the loss is evaluated
     * @param lambda the factor, finite and not negative
     */
    public static OrthogonalityLoss ofMatrices(List<Parameter> weights, float lambda) {
        return new OrthogonalityLoss("gram_errors", 2, weights, lambda);
    }

    /**
     * {@return {@code lambda sum |K * K - delta|_F^2}, the correlations at all shifts of the output
     * channels with each other, or of the input channels if there are fewer} On an image of N
     * positions that wraps around, larger than two kernels, N times this is {@code |J J^T - I|_F^2}
     * for the Jacobian J of the convolution, stride 1. Wang, Chen, Chakraborty and Yu, "Orthogonal
     * convolutional neural networks", CVPR 2020.
     *
     * @param kernels [m, c, h, w], at least one, initialised when the loss is evaluated
     * @param lambda the factor, finite and not negative
     */
    public static OrthogonalityLoss ofConvolutions(List<Parameter> kernels, float lambda) {
        return new OrthogonalityLoss("correlation_errors", 4, kernels, lambda);
    }

    /**
     * Evaluates the penalty on the weights as they are.
     *
     * @param labels not used
     * @param predictions their manager takes the result
     * @return a scalar, with a graph to the weights where gradients are collected
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        return evaluate(predictions.get(0).getManager());
    }

    /**
     * Evaluates the penalty on the weights as they are. Cost: for each weight one product of it
     * with its transpose, or of all pairs of channels.
     *
     * @param manager the manager of the result
     * @return a scalar, with a graph to the weights where gradients are collected
     * @throws IllegalStateException if a weight is not initialised
     */
    public NDArray evaluate(NDManager manager) {
        NDList arrays = new NDList();
        for (Parameter weight : weights) {
            if (!weight.isInitialized()) {
                throw new IllegalStateException(
                        "Weight " + weight.getName() + " is not initialised");
            }
            arrays.add(weight.getArray());
        }
        try (NDArray factor = GraphConstants.of(manager, arrays.get(0).getDataType(), lambda)) {
            return JacobianLoss.graph(manager, function, arrays, factor);
        }
    }
}

package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.layers.isometry.loss.JacobianLoss;
import io.github.djlspectral.layers.isometry.loss.OrthogonalityLoss;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;

/** What is added to the loss so that layers stay isometric. */
enum Regularizer {
    /** Nothing. */
    NONE(0),
    /** {@code |W W^T - I|^2} of every weight, {@code |K * K - delta|^2} of every kernel. */
    WEIGHT(0.1),
    /** {@code E (|J^T u| / |u| - 1)^2}, J of all layers together. */
    JACOBIAN(1),
    /** {@code E |J^T J v - v|^2}. */
    GRAM(0.01),
    /** {@code E (|F(x + s) - F(x)| / |s| - 1)^2}. */
    DIFFERENCE(1);

    private static final double STEP = 0.1;
    private static final int MATRIX = 2;

    private final double strength;

    Regularizer(double strength) {
        this.strength = strength;
    }

    /** The factor if none is given. */
    double strength() {
        return strength;
    }

    /**
     * Makes the penalty of a network.
     *
     * @param layers initialised before the penalty is evaluated
     * @return from what the layers get to a scalar
     */
    UnaryOperator<NDArray> penalty(SequentialBlock layers, double factor, int seed) {
        float lambda = (float) factor;
        return switch (this) {
            case NONE -> throw new IllegalStateException("There is no penalty");
            case WEIGHT -> weights(layers, lambda);
            case JACOBIAN -> JacobianLoss.backward(layers, lambda, seed)::evaluate;
            case GRAM -> JacobianLoss.gram(layers, lambda, seed)::evaluate;
            case DIFFERENCE -> JacobianLoss.finiteDifference(layers, STEP, lambda, seed)::evaluate;
        };
    }

    private static UnaryOperator<NDArray> weights(SequentialBlock layers, float lambda) {
        List<Parameter> weights =
                layers.getParameters().values().stream()
                        .filter(parameter -> parameter.getType() == Parameter.Type.WEIGHT)
                        .toList();
        boolean matrices = weights.get(0).getShape().dimension() == MATRIX;
        OrthogonalityLoss loss =
                matrices
                        ? OrthogonalityLoss.ofMatrices(weights, lambda)
                        : OrthogonalityLoss.ofConvolutions(weights, lambda);
        return states -> loss.evaluate(states.getManager());
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

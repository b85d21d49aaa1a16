package io.github.djlspectral.examples.descent;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.TorchScript;
import java.util.Random;

/**
 * Linear regression on random features, {@code f(W) = 1/2 E |(W - W*) x|^2} with {@code x ~ N(0,
 * S)}: a loss whose gradient, Hessian and best step are closed forms, in float64.
 *
 * <p>S is diagonal. That loses nothing for an optimizer that commutes with rotations of the
 * features, as gradient descent and every spectral map do.
 *
 * <p>Weights are float64 matrices of W*'s shape, m x n. Results attach to the manager of the first
 * argument.
 */
public final class RandomFeatureModel {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(RandomFeatureModel.class, "random_features.py");

    private final NDArray target;
    private final NDArray variances;
    private final double[] deviations;

    /**
     * Creates a model.
     *
     * @param target W*, m x n, float64; it and its manager must stay open
     * @param variances the diagonal of S, n positive numbers
     * @throws IllegalArgumentException if the target is not a float64 matrix, or the variances are
     *     of another number than its columns or not all positive and finite
     */
    public RandomFeatureModel(NDArray target, double... variances) {
        Shape shape = target.getShape();
        if (shape.dimension() != 2 || target.getDataType() != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "The target must be a float64 matrix, was " + target.getDataType() + shape);
        }
        if (variances.length != shape.get(1)) {
            throw new IllegalArgumentException(
                    "The target has "
                            + shape.get(1)
                            + " columns, but there are "
                            + variances.length
                            + " variances");
        }
        deviations = new double[variances.length];
        for (int i = 0; i < variances.length; i++) {
            if (!(variances[i] > 0 && Double.isFinite(variances[i]))) {
                throw new IllegalArgumentException(
                        "Variances must be positive and finite, number "
                                + i
                                + " is "
                                + variances[i]);
            }
            deviations[i] = Math.sqrt(variances[i]);
        }
        this.target = target;
        this.variances = target.getManager().create(variances);
    }

    /**
     * Returns the loss f(W).
     *
     * @param weights W
     * @return the loss, at least 0
     * @throws IllegalArgumentException if the shape or type is not the target's
     */
    public double loss(NDArray weights) {
        requireLikeTarget("The weights", weights);
        return KERNELS.callDouble(weights.getManager(), "loss", weights, target, variances);
    }

    /**
     * Returns the gradient of the loss, (W - W*) S.
     *
     * @param weights W
     * @return a new array
     * @throws IllegalArgumentException if the shape or type is not the target's
     */
    public NDArray gradient(NDArray weights) {
        requireLikeTarget("The weights", weights);
        return KERNELS.call(weights.getManager(), "gradient", weights, target, variances)
                .singletonOrThrow();
    }

    /**
     * Returns the gradient of a mini-batch's mean loss, (W - W*) X^T X / B.
     *
     * @param weights W
     * @param features X, B x n, float64, one feature vector a row, as from {@link #sample}
     * @return a new array
     * @throws IllegalArgumentException if a shape or type does not fit
     */
    public NDArray gradient(NDArray weights, NDArray features) {
        requireLikeTarget("The weights", weights);
        Shape shape = features.getShape();
        if (shape.dimension() != 2
                || shape.get(1) != deviations.length
                || features.getDataType() != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "The features must be float64 with "
                            + deviations.length
                            + " columns, were "
                            + features.getDataType()
                            + shape);
        }
        return KERNELS.call(weights.getManager(), "batch_gradient", weights, target, features)
                .singletonOrThrow();
    }

    /**
     * Draws feature vectors from N(0, S).
     *
     * @param manager the manager of the result
     * @param batch their number B, at least 1
     * @param seed the same seed gives the same bits, on every device
     * @return X, B x n, float64
     * @throws IllegalArgumentException if the number is less than 1
     */
    public NDArray sample(NDManager manager, int batch, long seed) {
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1, was " + batch);
        }
        Random random = new Random(seed);
        double[] values = new double[Math.multiplyExact(batch, deviations.length)];
        for (int i = 0; i < values.length; i++) {
            values[i] = deviations[i % deviations.length] * random.nextGaussian();
        }
        return manager.create(values, new Shape(batch, deviations.length));
    }

    /**
     * Measures an update direction, exactly.
     *
     * @param weights W
     * @param batchGradient G~, what the direction was made from
     * @param direction D; the weights become W - t D
     * @return the local descent; its second-order model is the loss itself, so {@link
     *     LocalDescent#bestStep} is exact line search
     * @throws IllegalArgumentException if a shape or type is not the target's
     */
    public LocalDescent descent(NDArray weights, NDArray batchGradient, NDArray direction) {
        requireLikeTarget("The batch's gradient", batchGradient);
        requireLikeTarget("The direction", direction);
        NDList along = new NDList(direction);
        try (NDArray gradient = gradient(weights);
                NDArray curved = direction.mul(variances)) { // H D = D S
            return new LocalDescent(
                    LocalDescent.innerProduct(new NDList(gradient), along),
                    LocalDescent.innerProduct(new NDList(batchGradient), along),
                    LocalDescent.innerProduct(along, new NDList(curved)));
        }
    }

    private void requireLikeTarget(String name, NDArray array) {
        if (!array.getShape().equals(target.getShape())
                || array.getDataType() != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    name
                            + " must be float64"
                            + target.getShape()
                            + ", was "
                            + array.getDataType()
                            + array.getShape());
        }
    }
}

package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.torch.TorchScript;

/**
 * AdamW as it was published (Loshchilov and Hutter, <a
 * href="https://arxiv.org/abs/1711.05101">arXiv:1711.05101</a>) and as {@code torch.optim.AdamW}
 * computes it. With gradient \(g\), step \(t = 1, 2, ..\) and learning rate \(\eta\):
 *
 * <p>\( w \leftarrow (1 - \eta \lambda) w \), \( m \leftarrow \beta_1 m + (1 - \beta_1) g \), \( v
 * \leftarrow \beta_2 v + (1 - \beta_2) g^2 \), \( w \leftarrow w - \eta \frac{m}{1 - \beta_1^t}
 * \left(\sqrt{\frac{v}{1 - \beta_2^t}} + \epsilon\right)^{-1} \)
 *
 * <p>It differs from DJL's {@link ai.djl.training.optimizer.AdamW} on PyTorch in four ways:
 *
 * <ul>
 *   <li>\(\epsilon\) is added after the bias correction, so it means the same at every step;
 *   <li>the weight decay \(\lambda\) applies to arrays of rank 2 and more only: biases, gains and
 *       other vectors do not decay;
 *   <li>{@code optClipGrad(c)} clamps every element to \([-c, c]\), both ends (after the gradient
 *       was multiplied by {@code setRescaleGrad}); a negative c switches it off;
 *   <li>its state can be written and read by {@link OptimizerState} and freed by {@link #close}.
 * </ul>
 *
 * <p>One native call per parameter updates the weight and the state in place and zeroes the
 * gradient attached to the weight. Arrays are float32 or float64; hyper-parameters are the float
 * values given, widened to double.
 */
public final class DecoupledAdamW extends StatefulOptimizer {

    private static final TorchScript KERNELS =
            TorchScript.ofResource(DecoupledAdamW.class, "adamw.py");

    private static final String[] STATE_NAMES = {"mean", "variance"};

    private final ParameterTracker learningRateTracker;
    private final float beta1;
    private final float beta2;
    private final float epsilon;

    private DecoupledAdamW(Builder builder) {
        super(builder);
        learningRateTracker = builder.learningRateTracker;
        beta1 = builder.beta1;
        beta2 = builder.beta2;
        epsilon = builder.epsilon;
    }

    /**
     * Creates a builder: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01.
     *
     * @return a new builder
     */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    String[] stateNames() {
        return STATE_NAMES.clone();
    }

    /**
     * Makes one step with one parameter.
     *
     * @param parameterId the parameter's id, under which its state is kept
     * @param weight the parameter on one device, float32 or float64, changed in place; the gradient
     *     attached to it, if any, is zeroed
     * @param grad the gradient, of the weight's shape and type; not changed
     * @throws IllegalArgumentException if the gradient's shape or type is not the weight's, or they
     *     are neither float32 nor float64; nothing has changed
     * @throws IllegalStateException if the gradient contains NaN or infinity, or the learning rate
     *     at this step is not a finite number of 0 or more; nothing has changed
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray grad) {
        requireMatching(parameterId, weight, grad);
        ParameterState state = state(parameterId, weight);
        int step = state.step() + 1;
        double rate = requireRate(learningRateTracker.getNewValue(parameterId, step), step);
        double decay = weight.getShape().dimension() >= 2 ? getWeightDecay() : 0;
        double norm =
                KERNELS.callDouble(
                        state.array(0).getManager(),
                        "update",
                        new NDList(weight),
                        grad,
                        new NDList(state.array(0)),
                        new NDList(state.array(1)),
                        step,
                        rate,
                        beta1,
                        beta2,
                        epsilon,
                        decay,
                        rescaleGrad,
                        clipGrad);
        requireFinite(parameterId, step, norm);
        state.setStep(step);
    }

    private static void requireMatching(String parameterId, NDArray weight, NDArray grad) {
        DataType type = weight.getDataType();
        if (type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "AdamW updates float32 and float64, but parameter "
                            + parameterId
                            + " is "
                            + type);
        }
        if (!grad.getShape().equals(weight.getShape()) || grad.getDataType() != type) {
            throw new IllegalArgumentException(
                    "Parameter "
                            + parameterId
                            + " is "
                            + type
                            + weight.getShape()
                            + " but its gradient is "
                            + grad.getDataType()
                            + grad.getShape());
        }
    }

    private static double requireRate(float rate, int step) {
        if (!(rate >= 0 && rate < Float.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "The learning rate must be finite and not negative, was "
                            + rate
                            + " at step "
                            + step);
        }
        return rate;
    }

    private static void requireFinite(String parameterId, int step, double norm) {
        if (!Double.isFinite(norm)) {
            throw new IllegalStateException(
                    "The gradient of parameter "
                            + parameterId
                            + " contains NaN or infinity at step "
                            + step
                            + "; its weight and state are unchanged. Lower the learning rate or"
                            + " look for the cause in the loss.");
        }
    }

    /** Builds a {@link DecoupledAdamW}. */
    public static final class Builder extends StatefulOptimizer.Builder<Builder> {

        private ParameterTracker learningRateTracker = Tracker.fixed(0.001f);
        private float beta1 = 0.9f;
        private float beta2 = 0.999f;
        private float epsilon = 1e-8f;
        private float weightDecays;

        private Builder() {
            optWeightDecays(0.01f);
        }

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * Sets the learning rate, the same for every parameter or one for each.
         *
         * @param learningRateTracker gives the rate for steps 1, 2, ..
         * @return this builder
         */
        public Builder optLearningRateTracker(ParameterTracker learningRateTracker) {
            this.learningRateTracker = learningRateTracker;
            return this;
        }

        /**
         * Sets the decay rate of the mean of the gradients.
         *
         * @param beta1 a number in [0, 1)
         * @return this builder
         */
        public Builder optBeta1(float beta1) {
            this.beta1 = beta1;
            return this;
        }

        /**
         * Sets the decay rate of the mean of the squared gradients.
         *
         * @param beta2 a number in [0, 1)
         * @return this builder
         */
        public Builder optBeta2(float beta2) {
            this.beta2 = beta2;
            return this;
        }

        /**
         * Sets the number added to the root of the mean of the squared gradients. It bounds the
         * step where gradients vanish; 1e-8 is the published value.
         *
         * @param epsilon a positive number
         * @return this builder
         */
        public Builder optEpsilon(float epsilon) {
            this.epsilon = epsilon;
            return this;
        }

        /**
         * Sets the decoupled weight decay of arrays of rank 2 and more. Each step multiplies them
         * by 1 - (learning rate) (weight decay).
         *
         * @param weightDecays a number of 0 or more
         * @return this builder
         */
        @Override
        public Builder optWeightDecays(float weightDecays) {
            this.weightDecays = weightDecays;
            return super.optWeightDecays(weightDecays);
        }

        /**
         * Builds the optimizer.
         *
         * @return a new optimizer without state
         * @throws IllegalArgumentException if a value is outside its range
         */
        public DecoupledAdamW build() {
            require(beta1 >= 0 && beta1 < 1, "beta1 must lie in [0, 1)", beta1);
            require(beta2 >= 0 && beta2 < 1, "beta2 must lie in [0, 1)", beta2);
            require(
                    epsilon > 0 && Float.isFinite(epsilon),
                    "epsilon must be positive and finite",
                    epsilon);
            require(
                    weightDecays >= 0 && Float.isFinite(weightDecays),
                    "the weight decay must be finite and at least 0",
                    weightDecays);
            if (learningRateTracker == null) {
                throw new IllegalArgumentException("The learning rate tracker must not be null");
            }
            return new DecoupledAdamW(this);
        }

        private static void require(boolean legal, String rule, float value) {
            if (!legal) {
                throw new IllegalArgumentException("AdamW: " + rule + ", but is " + value);
            }
        }
    }
}

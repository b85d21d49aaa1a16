package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.torch.TorchScript;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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
 * <p>One native call updates weight and state in place and zeroes the gradient attached to the
 * weight, of one parameter or by {@link OptimizerStep} of all that decay and of all that do not.
 * Arrays are float32 or float64; hyper-parameters are the float values given, widened to double.
 */
public final class DecoupledAdamW extends StatefulOptimizer {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(DecoupledAdamW.class, "gradient.py", "adamw.py");

    private final float beta1;
    private final float beta2;
    private final float epsilon;

    private DecoupledAdamW(Builder builder) {
        super(builder);
        beta1 = builder.beta1;
        beta2 = builder.beta2;
        epsilon = builder.epsilon;
        require(beta1 >= 0 && beta1 < 1, "optBeta1 must be in [0, 1)", beta1);
        require(beta2 >= 0 && beta2 < 1, "optBeta2 must be in [0, 1)", beta2);
        boolean legal = epsilon > 0 && epsilon < Float.POSITIVE_INFINITY;
        require(legal, "optEpsilon must be positive and finite", epsilon);
    }

    /**
     * {@return a new builder: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, weight decay
     * 0.01}
     */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    Map<String, Shape> states(Shape weight, Route route) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put("mean", weight);
        shapes.put("variance", weight);
        return shapes;
    }

    @Override
    Object alike(Update update, int step, boolean fresh) {
        return getWeightDecay() != 0 && update.weight().getShape().dimension() >= 2; // decays
    }

    @Override
    boolean step(List<Share> shares, NDArray done) {
        NDList w = new NDList();
        NDList g = new NDList();
        NDList m = new NDList();
        NDList v = new NDList();
        for (Share share : shares) {
            w.add(share.update().weight());
            g.add(share.update().gradient());
            m.add(share.state().array(0));
            v.add(share.state().array(1));
        }
        Share first = shares.get(0);
        float decay = (boolean) first.alike() ? getWeightDecay() : 0f;
        double rate = first.rate();
        double factor = first.update().factor();
        double rescale = rescaleGrad * factor;
        Object[] arguments = {
            w, g, m, v, first.step(),
            rate, beta1, beta2, epsilon, decay,
            rescale, clipGrad, first.update().finite(), factor < 1, done
        };
        return KERNELS.callBoolean(m.get(0).getManager(), "update", arguments);
    }

    /** Builds a {@link DecoupledAdamW}. */
    public static final class Builder extends StatefulOptimizer.Builder<Builder> {

        private float beta1 = 0.9f;
        private float beta2 = 0.999f;
        private float epsilon = 1e-8f;

        private Builder() {
            optLearningRateTracker(Tracker.fixed(0.001f));
            optWeightDecays(0.01f);
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

        /** {@return the optimizer, without state} Values out of their ranges are refused. */
        public DecoupledAdamW build() {
            return new DecoupledAdamW(this);
        }
    }
}

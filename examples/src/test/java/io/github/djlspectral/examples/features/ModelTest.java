package io.github.djlspectral.examples.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.examples.experiment.LocalDescent;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ModelTest {

    private static final int ROWS = 4;
    private static final double[] VARIANCES = {4, 1, 0.25, 0.01, 1e-4};

    private NDManager manager;
    private Descent.Model model;
    private NDArray target;
    private NDArray weights;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
        model = model(manager, 1);
        target = matrix(manager, 1);
        weights = matrix(manager, 2);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private static NDArray matrix(NDManager manager, long seed) {
        return Descent.gaussian(manager, seed, ROWS, VARIANCES.length);
    }

    private static Descent.Model model(NDManager manager, long seed) {
        return new Descent.Model(matrix(manager, seed), VARIANCES);
    }

    /** Sums of products, written out. */
    @Test
    void lossAndGradientAreTheirFormulas() {
        double[] w = weights.toDoubleArray();
        double[] t = target.toDoubleArray();
        double[] gradient = model.gradient(weights).toDoubleArray();
        double loss = 0;
        for (int i = 0; i < w.length; i++) {
            double variance = VARIANCES[i % VARIANCES.length];
            loss += 0.5 * variance * (w[i] - t[i]) * (w[i] - t[i]);
            assertThat(gradient[i]).isCloseTo(variance * (w[i] - t[i]), within(1e-14));
        }
        assertThat(model.loss(weights)).isCloseTo(loss, within(1e-13));
        assertThat(model.loss(target)).isZero();
    }

    /** The batch's gradient is that of its mean loss, which is quadratic: two losses tell it. */
    @Test
    void theBatchGradientBelongsToTheBatchLoss() {
        NDArray x = model.sample(manager, 7, 3);
        NDArray direction = matrix(manager, 4);
        double ahead = batchLoss(weights.add(direction), x);
        double behind = batchLoss(weights.sub(direction), x);
        double slope = model.gradient(weights, x).mul(direction).sum().getDouble();
        assertThat(slope).isCloseTo((ahead - behind) / 2, withinPercentage(1e-10));
    }

    private double batchLoss(NDArray w, NDArray x) {
        NDArray residuals = w.sub(target).matMul(x.transpose());
        return residuals.square().sum().getDouble() / (2 * x.getShape().get(0));
    }

    /** B = 200,000: means of products are off by sqrt(2 / B) = 0.3% of a variance, 1 sigma. */
    @Test
    void samplesHaveTheCovariance() {
        int batch = 200_000;
        NDArray x = model.sample(manager, batch, 5);
        NDArray z = x.div(manager.create(VARIANCES).sqrt());
        NDArray covariance = z.transpose().matMul(z).div(batch);
        NDArray unit = manager.eye(VARIANCES.length).toType(DataType.FLOAT64, false);
        double error = covariance.sub(unit).abs().max().getDouble();
        assertThat(error).isLessThan(5 * Math.sqrt(2.0 / batch));
        assertThat(model.sample(manager, 3, 5)).isEqualTo(model.sample(manager, 3, 5));
        assertThat(model.sample(manager, 3, 5)).isNotEqualTo(model.sample(manager, 3, 4));
    }

    @Property(tries = 30)
    void theBestStepIsExactLineSearch(@ForAll @LongRange(min = 0, max = 1000) long seed) {
        try (NDManager own = NDManager.newBaseManager("PyTorch")) {
            Descent.Model exact = model(own, seed);
            NDArray w = matrix(own, seed + 1);
            NDArray batchGradient = exact.gradient(w, exact.sample(own, 6, seed));
            double length = Math.exp(new Random(seed).nextGaussian());
            NDArray direction = matrix(own, seed + 2).add(batchGradient).mul(length);
            LocalDescent descent = exact.descent(w, batchGradient, direction);

            NDArray best = w.sub(direction.mul(descent.bestStep()));
            double before = exact.loss(w);
            assertThat(before - exact.loss(best))
                    .isCloseTo(descent.bestDecrease(), within(1e-12 * before));
            // at the minimum along the direction the gradient is orthogonal to it
            double slope = exact.gradient(best).mul(direction).sum().getDouble();
            assertThat(slope).isCloseTo(0, within(1e-12 * before * Math.max(1, length)));
            assertThat(descent.bestDecrease())
                    .isCloseTo(
                            descent.alignment() * descent.alignment() * descent.potential() / 2,
                            withinPercentage(1e-9));
            // the potential belongs to the line, not to the vector on it
            LocalDescent longer = exact.descent(w, batchGradient, direction.mul(-3));
            assertThat(longer.potential()).isCloseTo(descent.potential(), withinPercentage(1e-9));
            assertThat(longer.alignment()).isCloseTo(descent.alignment(), withinPercentage(1e-9));
        }
    }

    @Test
    void theFullGradientIsAlignedWithItself() {
        NDArray gradient = model.gradient(weights);
        LocalDescent descent = model.descent(weights, gradient, gradient);
        assertThat(descent.alignment()).isEqualTo(1);
        assertThat(descent.slope()).isPositive();
        LocalDescent none = model.descent(weights, gradient, gradient.zerosLike());
        assertThat(none).isEqualTo(new LocalDescent(0, 0, 0));
    }
}

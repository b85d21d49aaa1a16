package io.github.djlspectral.examples.isometry;

import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.XavierInitializer;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.HouseholderActivation;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.PersistentFold;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;

/** Layers from vectors [B, n] to vectors [B, n]. */
final class VectorLayers {

    private static final int FEW = 8;
    private static final double LEAK = 0.1;

    private VectorLayers() {}

    /** From images to the first layer: at first a co-isometry that keeps the scale on average. */
    static Block embedding(LayerPlan plan) {
        return new SequentialBlock()
                .add(Blocks.batchFlattenBlock())
                .add(linear(plan.width(), new OrthogonalInitializer()));
    }

    static Block residualFold(LayerPlan plan, float bias) {
        return fold(plan).optInitialBias(bias).build();
    }

    /** An eighth of the rows. */
    static Block residualFoldFewRows(LayerPlan plan) {
        return fold(plan).optInitialBias(0).optRows(few(plan)).build();
    }

    private static ResidualFold.Builder fold(LayerPlan plan) {
        return ResidualFold.builder()
                .setWidth(plan.width())
                .optParametrization(plan.parametrization());
    }

    private static int few(LayerPlan plan) {
        return Math.max(1, plan.width() / FEW);
    }

    static Block leakyFold(LayerPlan plan) {
        return TwoSlopeFold.builder()
                .setWidth(plan.width())
                .setSlopes(LEAK, 1)
                .optParametrization(plan.parametrization())
                .build();
    }

    static Block absFold(LayerPlan plan) {
        return AbsFold.builder()
                .setWidth(plan.width())
                .optParametrization(plan.parametrization())
                .build();
    }

    /** An orthogonal matrix and an activation with an orthogonal Jacobian. */
    private static Block feedforward(LayerPlan plan, Block activation) {
        return new SequentialBlock()
                .add(
                        OrthogonalLinear.builder()
                                .setUnits(plan.width())
                                .optParametrization(plan.parametrization())
                                .build())
                .add(activation);
    }

    static Block shiftedAbs(LayerPlan plan, double shift) {
        return feedforward(plan, FixedIsometry.shiftedAbs(shift));
    }

    static Block maxMin(LayerPlan plan) {
        return feedforward(plan, FixedIsometry.groupSort(2));
    }

    static Block householder(LayerPlan plan) {
        return feedforward(plan, new HouseholderActivation());
    }

    static Block looksLinear(LayerPlan plan) {
        return new SequentialBlock()
                .add(FixedIsometry.concatenatedRelu())
                .add(linear(plan.width(), new LooksLinearInitializer()));
    }

    /** An eighth of the directions is protected. */
    static Block persistent(LayerPlan plan) {
        return PersistentFold.builder()
                .setWidth(plan.width())
                .setDirections(few(plan))
                .optParametrization(plan.parametrization())
                .build();
    }

    static Block relu(LayerPlan plan) {
        return PlainLayer.relu(linear(plan.width(), gaussian(2)));
    }

    static Block tanh(LayerPlan plan) {
        return PlainLayer.tanh(linear(plan.width(), new OrthogonalInitializer()));
    }

    static Block residual(LayerPlan plan) {
        return new ResidualLayer(
                linear(plan.width(), gaussian(2)),
                linear(plan.width(), gaussian(1)),
                1 / Math.sqrt(plan.depth()));
    }

    /** Of a variance that many times 1 / n: 2 before ReLU (He et al.), which halves it. */
    static Initializer gaussian(int gain) {
        return new XavierInitializer(
                XavierInitializer.RandomType.GAUSSIAN, XavierInitializer.FactorType.IN, gain);
    }

    private static Block linear(int width, Initializer weights) {
        Block linear = Linear.builder().setUnits(width).build();
        linear.setInitializer(weights, "weight");
        return linear;
    }
}

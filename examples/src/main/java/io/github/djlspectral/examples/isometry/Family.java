package io.github.djlspectral.examples.isometry;

import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.initializer.XavierInitializer;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.OrthogonalInitializer;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import java.util.Locale;
import java.util.function.Function;

/** The kinds of layers that networks are made of. One entry here is all that a new kind needs. */
enum Family {
    RESIDUAL_FOLD("residual fold, b = -1", true, plan -> residualFold(plan, plan.width(), -1)),
    RESIDUAL_FOLD_BIAS_2(
            "residual fold, b = -2", true, plan -> residualFold(plan, plan.width(), -2)),
    RESIDUAL_FOLD_BIAS_0("residual fold, b = 0", true, plan -> residualFold(plan, plan.width(), 0)),
    RESIDUAL_FOLD_FEW_ROWS(
            "residual fold, n/8 rows, b = 0",
            true,
            plan -> residualFold(plan, Math.max(1, plan.width() / 8), 0)),
    LEAKY_FOLD(
            "leaky ReLU with its skip, b = 1",
            true,
            plan ->
                    TwoSlopeFold.builder()
                            .setWidth(plan.width())
                            .setSlopes(0.1, 1)
                            .optParametrization(plan.parametrization())
                            .build()),
    ABS_FOLD(
            "|V x + b|, b = 0",
            true,
            plan ->
                    AbsFold.builder()
                            .setWidth(plan.width())
                            .optParametrization(plan.parametrization())
                            .build()),
    MAX_MIN(
            "MaxMin",
            true,
            plan ->
                    new SequentialBlock()
                            .add(PlainLayer.linear(plan.width(), new OrthogonalInitializer()))
                            .add(FixedIsometry.groupSort(2))),
    HE_RELU("ReLU, He", false, plan -> PlainLayer.relu(plan.width(), gaussian(2))),
    ORTHOGONAL_TANH(
            "tanh, orthogonal",
            false,
            plan -> PlainLayer.tanh(plan.width(), new OrthogonalInitializer())),
    RESIDUAL(
            "residual, branches / sqrt(L)",
            false,
            plan ->
                    new ResidualLayer(
                            plan.width(), gaussian(2), gaussian(1), 1 / Math.sqrt(plan.depth())));

    private final String label;
    private final boolean isometric;
    private final Function<LayerPlan, Block> layer;

    Family(String label, boolean isometric, Function<LayerPlan, Block> layer) {
        this.label = label;
        this.isometric = isometric;
        this.layer = layer;
    }

    private static Block residualFold(LayerPlan plan, int rows, float bias) {
        return ResidualFold.builder()
                .setWidth(plan.width())
                .optRows(rows)
                .optInitialBias(bias)
                .optParametrization(plan.parametrization())
                .build();
    }

    /** Of a variance that many times 1 / n: 2 before ReLU (He et al.), which halves it. */
    private static XavierInitializer gaussian(int gain) {
        return new XavierInitializer(
                XavierInitializer.RandomType.GAUSSIAN, XavierInitializer.FactorType.IN, gain);
    }

    /** Makes the network, not yet initialised. */
    DeepNetwork network(LayerPlan plan, int classes) {
        SequentialBlock layers = new SequentialBlock();
        for (int i = 0; i < plan.depth(); i++) {
            layers.add(layer.apply(plan));
        }
        return new DeepNetwork(LinearEmbedding.of(plan.width()), layers, classes);
    }

    /** Whether the Jacobian of a layer is orthogonal at the beginning. */
    boolean isIsometric() {
        return isometric;
    }

    /** Names it to people. */
    String label() {
        return label;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

package io.github.djlspectral.examples.isometry;

import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** The kinds of layers that networks are made of. One entry here is all that a new kind needs. */
enum Family {
    RESIDUAL_FOLD(Kind.EXACT, "residual fold, b = -1", plan -> VectorLayers.residualFold(plan, -1)),
    RESIDUAL_FOLD_2(
            Kind.EXACT, "residual fold, b = -2", plan -> VectorLayers.residualFold(plan, -2)),
    RESIDUAL_FOLD_0(Kind.EXACT, "residual fold, b = 0", plan -> VectorLayers.residualFold(plan, 0)),
    FEW_ROWS(Kind.EXACT, "residual fold, n/8 rows, b = 0", VectorLayers::residualFoldFewRows),
    LEAKY_FOLD(Kind.EXACT, "leaky fold, b = 2", VectorLayers::leakyFold),
    ABS_FOLD(Kind.EXACT, "feedforward |V x + b|", VectorLayers::absFold),
    SHIFTED_ABS_2(
            Kind.EXACT, "feedforward |V x + b + 2| - 2", plan -> VectorLayers.shiftedAbs(plan, 2)),
    SHIFTED_ABS_3(
            Kind.EXACT, "feedforward |V x + b + 3| - 3", plan -> VectorLayers.shiftedAbs(plan, 3)),
    MAX_MIN(Kind.EXACT, "feedforward MaxMin", VectorLayers::maxMin),
    HOUSEHOLDER(Kind.EXACT, "feedforward Householder", VectorLayers::householder),
    LOOKS_LINEAR(Kind.PLAIN, "looks linear", VectorLayers::looksLinear),
    PERSISTENT(Kind.PLAIN, "persistent n/8 directions", VectorLayers::persistent),
    HE_RELU(Kind.PLAIN, "He ReLU", VectorLayers::relu),
    ORTHOGONAL_TANH(Kind.PLAIN, "orthogonal tanh", VectorLayers::tanh),
    RESIDUAL(Kind.PLAIN, "residual, branches / sqrt(L)", VectorLayers::residual),
    CONV_FOLD(Kind.EXACT_IMAGE, "convolution fold, b = -1", ImageLayers::fold),
    CONV_SHIFTED_ABS_2(
            Kind.EXACT_IMAGE,
            "convolution |K x + b + 2| - 2",
            plan -> ImageLayers.shiftedAbs(plan, 2)),
    CONV_HE_RELU(Kind.PLAIN_IMAGE, "convolution He ReLU", ImageLayers::relu),
    CONV_RESIDUAL(
            Kind.PLAIN_IMAGE, "convolution residual, branches / sqrt(L)", ImageLayers::residual);

    /** What families have in common. */
    private enum Kind {
        /** Vectors; orthogonal weights, and an orthogonal Jacobian while they are kept so. */
        EXACT,
        /** Vectors; for comparison. */
        PLAIN,
        /** Images; as {@link #EXACT}. */
        EXACT_IMAGE,
        /** Images; for comparison. */
        PLAIN_IMAGE
    }

    /** A fold, its feedforward and its convolutional relative, and what to compare with. */
    static final List<Family> QUICK = List.of(RESIDUAL_FOLD_2, SHIFTED_ABS_3, RESIDUAL, CONV_FOLD);

    private final Kind kind;
    private final String label;
    private final Function<LayerPlan, Block> layer;

    Family(Kind kind, String label, Function<LayerPlan, Block> layer) {
        this.kind = kind;
        this.label = label;
        this.layer = layer;
    }

    /** Makes the network, not yet initialised. */
    DeepNetwork network(LayerPlan plan, int classes) {
        SequentialBlock layers = new SequentialBlock();
        for (int i = 0; i < plan.depth(); i++) {
            layers.add(layer.apply(plan));
        }
        Block embedding =
                isConvolutional() ? ImageLayers.embedding(plan) : VectorLayers.embedding(plan);
        return new DeepNetwork(embedding, layers, classes);
    }

    /** Whether {@link LayerPlan#parametrization} matters. */
    boolean hasOrthogonalWeights() {
        return kind == Kind.EXACT || kind == Kind.EXACT_IMAGE || this == PERSISTENT;
    }

    /** Whether its layers map images. */
    boolean isConvolutional() {
        return kind == Kind.EXACT_IMAGE || kind == Kind.PLAIN_IMAGE;
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

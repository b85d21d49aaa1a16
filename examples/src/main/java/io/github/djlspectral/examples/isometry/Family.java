package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.XavierInitializer;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.ConvolutionFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.HouseholderActivation;
import io.github.djlspectral.layers.isometry.OrthogonalConvolution;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.PersistentFold;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
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
    private final Function<Plan, Block> layer;

    Family(Kind kind, String label, Function<Plan, Block> layer) {
        this.kind = kind;
        this.label = label;
        this.layer = layer;
    }

    /** Makes the network, not yet initialised. */
    DeepNetwork network(Plan plan, int classes) {
        SequentialBlock layers = new SequentialBlock();
        for (int i = 0; i < plan.depth(); i++) {
            layers.add(layer.apply(plan));
        }
        Block embedding =
                isConvolutional() ? ImageLayers.embedding(plan) : VectorLayers.embedding(plan);
        return new DeepNetwork(embedding, layers, classes);
    }

    /** Whether {@link Plan#parametrization} matters. */
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

    /**
     * What layers of all families are told.
     *
     * @param width n, the length of a vector
     * @param channels c, of an image
     * @param depth L, the number of layers
     * @param parametrization how weights stay orthogonal, where a family has such weights
     */
    record Plan(int width, int channels, int depth, Parametrization parametrization) {}

    /** Layers from vectors [B, n] to vectors [B, n]. */
    private static final class VectorLayers {

        private static final int FEW = 8;
        private static final double LEAK = 0.1;

        /**
         * From images to the first layer: at first a co-isometry that keeps the scale on average.
         */
        static Block embedding(Plan plan) {
            return new SequentialBlock()
                    .add(Blocks.batchFlattenBlock())
                    .add(linear(plan.width(), new OrthogonalInitializer()));
        }

        static Block residualFold(Plan plan, float bias) {
            return fold(plan).optInitialBias(bias).build();
        }

        /** An eighth of the rows. */
        static Block residualFoldFewRows(Plan plan) {
            return fold(plan).optInitialBias(0).optRows(few(plan)).build();
        }

        private static ResidualFold.Builder fold(Plan plan) {
            return ResidualFold.builder()
                    .setWidth(plan.width())
                    .optParametrization(plan.parametrization());
        }

        private static int few(Plan plan) {
            return Math.max(1, plan.width() / FEW);
        }

        static Block leakyFold(Plan plan) {
            return TwoSlopeFold.builder()
                    .setWidth(plan.width())
                    .setSlopes(LEAK, 1)
                    .optParametrization(plan.parametrization())
                    .build();
        }

        static Block absFold(Plan plan) {
            return AbsFold.builder()
                    .setWidth(plan.width())
                    .optParametrization(plan.parametrization())
                    .build();
        }

        /** An orthogonal matrix and an activation with an orthogonal Jacobian. */
        private static Block feedforward(Plan plan, Block activation) {
            return new SequentialBlock()
                    .add(
                            OrthogonalLinear.builder()
                                    .setUnits(plan.width())
                                    .optParametrization(plan.parametrization())
                                    .build())
                    .add(activation);
        }

        static Block shiftedAbs(Plan plan, double shift) {
            return feedforward(plan, FixedIsometry.shiftedAbs(shift));
        }

        static Block maxMin(Plan plan) {
            return feedforward(plan, FixedIsometry.groupSort(2));
        }

        static Block householder(Plan plan) {
            return feedforward(plan, new HouseholderActivation());
        }

        static Block looksLinear(Plan plan) {
            return new SequentialBlock()
                    .add(FixedIsometry.concatenatedRelu())
                    .add(linear(plan.width(), new LooksLinearInitializer()));
        }

        /** An eighth of the directions is protected. */
        static Block persistent(Plan plan) {
            return PersistentFold.builder()
                    .setWidth(plan.width())
                    .setDirections(few(plan))
                    .optParametrization(plan.parametrization())
                    .build();
        }

        static Block relu(Plan plan) {
            return DeepNetwork.Plain.relu(linear(plan.width(), gaussian(2)));
        }

        static Block tanh(Plan plan) {
            return DeepNetwork.Plain.tanh(linear(plan.width(), new OrthogonalInitializer()));
        }

        static Block residual(Plan plan) {
            return new DeepNetwork.Residual(
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

    /** Layers from images [B, c, H, W] to such images. */
    static final class ImageLayers {

        /** The height and width of the patches that become pixels. */
        static final int PATCH = 4;

        /** The least number of channels, one for each pixel of a patch. */
        static final int LEAST_CHANNELS = PATCH * PATCH;

        private static final int KERNEL = 3;

        /**
         * From images to the first layer: patches become pixels, then more channels; isometric at
         * first.
         */
        static Block embedding(Plan plan) {
            return new SequentialBlock()
                    .add(FixedIsometry.spaceToDepth(PATCH))
                    .add(
                            OrthogonalConvolution.builder()
                                    .setChannels(LEAST_CHANNELS)
                                    .setFilters(plan.channels())
                                    .setKernel(1)
                                    .optParametrization(Parametrization.INITIAL)
                                    .build());
        }

        static Block fold(Plan plan) {
            return ConvolutionFold.builder()
                    .setChannels(plan.channels())
                    .setKernel(KERNEL)
                    .optParametrization(plan.parametrization())
                    .build();
        }

        static Block shiftedAbs(Plan plan, float shift) {
            return new SequentialBlock()
                    .add(
                            OrthogonalConvolution.builder()
                                    .setChannels(plan.channels())
                                    .setFilters(plan.channels())
                                    .setKernel(KERNEL)
                                    .optParametrization(plan.parametrization())
                                    .build())
                    .add(FixedIsometry.shiftedAbs(shift));
        }

        static Block relu(Plan plan) {
            return DeepNetwork.Plain.relu(convolution(plan, 2));
        }

        static Block residual(Plan plan) {
            return new DeepNetwork.Residual(
                    convolution(plan, 2), convolution(plan, 1), 1 / Math.sqrt(plan.depth()));
        }

        /** An ordinary convolution, zeros around the image. */
        private static Block convolution(Plan plan, int gain) {
            Block convolution =
                    Conv2d.builder()
                            .setKernelShape(new Shape(KERNEL, KERNEL))
                            .setFilters(plan.channels())
                            .optPadding(new Shape(KERNEL / 2, KERNEL / 2))
                            .build();
            convolution.setInitializer(VectorLayers.gaussian(gain), "weight");
            return convolution;
        }
    }
}

package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.XavierInitializer;
import ai.djl.training.initializer.XavierInitializer.FactorType;
import ai.djl.training.initializer.XavierInitializer.RandomType;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.ConvolutionFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.Fold;
import io.github.djlspectral.layers.isometry.HouseholderActivation;
import io.github.djlspectral.layers.isometry.KernelLayer;
import io.github.djlspectral.layers.isometry.OrthogonalConvolution;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.PersistentFold;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.TwoSlopeFold;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.torch.GraphConstants;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;

/**
 * The kinds of layers that networks are made of. One entry here is all that a new kind needs; if it
 * maps images, its name begins with CONV.
 */
enum Family {
    RESIDUAL_FOLD("residual fold, b = -1", net -> net.residualFold(-1)),
    RESIDUAL_FOLD_2("residual fold, b = -2", net -> net.residualFold(-2)),
    RESIDUAL_FOLD_0("residual fold, b = 0", net -> net.residualFold(0)),
    FEW_ROWS(
            "residual fold, n/8 rows, b = 0",
            net -> net.fold(ResidualFold.builder()).optInitialBias(0).optRows(net.few()).build()),
    LEAKY_FOLD(
            "leaky fold, b = 2", net -> net.fold(TwoSlopeFold.builder()).setSlopes(0.1, 1).build()),
    ABS_FOLD("feedforward |V x + b|", net -> net.fold(AbsFold.builder()).build()),
    SHIFTED_ABS_2(
            "feedforward |V x + b + 2| - 2", net -> net.feedforward(FixedIsometry.shiftedAbs(2))),
    SHIFTED_ABS_3(
            "feedforward |V x + b + 3| - 3", net -> net.feedforward(FixedIsometry.shiftedAbs(3))),
    MAX_MIN("feedforward MaxMin", net -> net.feedforward(FixedIsometry.groupSort(2))),
    HOUSEHOLDER("feedforward Householder", net -> net.feedforward(new HouseholderActivation())),
    LOOKS_LINEAR(
            "looks linear",
            net ->
                    chain(
                            FixedIsometry.concatenatedRelu(),
                            net.linear(new LooksLinearInitializer()))),
    PERSISTENT("persistent n/8 directions", Network::persistent),
    HE_RELU("He ReLU", net -> chain(net.linear(gaussian(2)), Activation.reluBlock())),
    ORTHOGONAL_TANH(
            "orthogonal tanh",
            net -> chain(net.linear(new OrthogonalInitializer()), Activation.tanhBlock())),
    RESIDUAL(
            "residual, branches / sqrt(L)",
            net -> net.residual(net.linear(gaussian(2)), net.linear(gaussian(1)))),
    CONV_FOLD("convolution fold, b = -1", net -> net.kernel(ConvolutionFold.builder()).build()),
    CONV_SHIFTED_ABS_2(
            "convolution |K x + b + 2| - 2",
            net ->
                    chain(
                            net.kernel(OrthogonalConvolution.builder())
                                    .setFilters(net.options.channels)
                                    .build(),
                            FixedIsometry.shiftedAbs(2))),
    CONV_HE_RELU("convolution He ReLU", net -> chain(net.convolution(2), Activation.reluBlock())),
    CONV_RESIDUAL(
            "convolution residual, branches / sqrt(L)",
            net -> net.residual(net.convolution(2), net.convolution(1)));

    /** Without orthogonal weights, to compare with. */
    private static final Set<Family> PLAIN =
            EnumSet.of(
                    LOOKS_LINEAR, HE_RELU, ORTHOGONAL_TANH, RESIDUAL, CONV_HE_RELU, CONV_RESIDUAL);

    /** A fold, its feedforward and its convolutional relative, and what to compare with. */
    static final List<Family> QUICK = List.of(RESIDUAL_FOLD_2, SHIFTED_ABS_3, RESIDUAL, CONV_FOLD);

    /** What the probe's picture compares: folds of every rate, and a network known to train. */
    static final Set<Family> PROBED =
            EnumSet.of(RESIDUAL_FOLD_0, RESIDUAL_FOLD, RESIDUAL_FOLD_2, FEW_ROWS, RESIDUAL);

    /** The height and width of the patches that become pixels of convolutional families. */
    static final int PATCH = 4;

    /** The least number of channels, one for each pixel of a patch. */
    static final int LEAST_CHANNELS = PATCH * PATCH;

    /** Names it to people. */
    final String label;

    private final Function<Network, Block> layer;

    Family(String label, Function<Network, Block> layer) {
        this.label = label;
        this.layer = layer;
    }

    /** Whether --parametrization matters. */
    boolean hasOrthogonalWeights() {
        return !PLAIN.contains(this);
    }

    /** Whether its layers map images. */
    boolean isConvolutional() {
        return name().startsWith("CONV_");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static Block chain(Block... blocks) {
        return new SequentialBlock().addAll(blocks);
    }

    /** Of a variance that many times 1 / n: 2 before ReLU (He et al.), which halves it. */
    private static Initializer gaussian(int gain) {
        return new XavierInitializer(RandomType.GAUSSIAN, FactorType.IN, gain);
    }

    /**
     * Images [B, 1, side, side] in, logits [B, classes] out: every image brought to mean 0 and unit
     * root mean square, an embedding that keeps that scale at first, so that biases of the layers
     * mean the same for all, the layers, a linear head. Layers map vectors [B, n] to such vectors
     * or images [B, c, H, W] to such images, n the width and c the channels.
     */
    static final class Network extends SequentialBlock {

        private static final double LEAST_VARIANCE = 1e-6; // of an image of one grey

        final SequentialBlock layers = new SequentialBlock();
        private final SequentialBlock embedding = new SequentialBlock();
        private final IsometryCommand options;
        private final int depth;

        /** Makes the network, not yet initialised. */
        Network(Family family, IsometryCommand options, int depth, int classes) {
            this.options = options;
            this.depth = depth;
            addChildBlock("embedding", embedding.addSingleton(Network::standardized));
            if (family.isConvolutional()) { // patches become pixels, then more channels: isometric
                embedding
                        .add(FixedIsometry.spaceToDepth(PATCH))
                        .add(
                                OrthogonalConvolution.builder()
                                        .setChannels(LEAST_CHANNELS)
                                        .setFilters(options.channels)
                                        .setKernel(1)
                                        .optParametrization(Parametrization.INITIAL)
                                        .build());
            } else { // a co-isometry that keeps the scale on average
                embedding.add(Blocks.batchFlattenBlock()).add(linear(new OrthogonalInitializer()));
            }
            for (int i = 0; i < depth; i++) {
                layers.add(family.layer.apply(this));
            }
            addChildBlock("layers", layers);
            add(Blocks.batchFlattenBlock());
            addChildBlock("head", Linear.builder().setUnits(classes).build());
        }

        private static NDArray standardized(NDArray images) {
            NDArray flat = Blocks.batchFlatten(images);
            int[] pixels = {1};
            NDArray centred = flat.sub(flat.mean(pixels, true));
            NDArray variance = centred.square().mean(pixels, true);
            return centred.div(variance.add(LEAST_VARIANCE).sqrt()).reshape(images.getShape());
        }

        /** Routes the matrices of the layers between embedding and head to spectral steps. */
        ParameterRouting routing() {
            return ParameterRouting.of(this).withFallback("^\\d+embedding");
        }

        /** Returns what the first layer gets. */
        NDArray embed(NDArray images) {
            ParameterStore store = new ParameterStore(images.getManager(), false);
            return embedding.forward(store, new NDList(images), false).singletonOrThrow();
        }

        private <T extends Fold.Builder<T>> T fold(T builder) {
            return builder.setWidth(options.width).optParametrization(options.parametrization);
        }

        private Block residualFold(float bias) {
            return fold(ResidualFold.builder()).optInitialBias(bias).build();
        }

        /** An eighth of the rows, or of the directions that are protected. */
        private int few() {
            return Math.max(1, options.width / 8);
        }

        private Block persistent() {
            PersistentFold.Builder builder = PersistentFold.builder().setWidth(options.width);
            return builder.setDirections(few()).optParametrization(options.parametrization).build();
        }

        /** An orthogonal matrix and an activation with an orthogonal Jacobian. */
        private Block feedforward(Block activation) {
            OrthogonalLinear.Builder matrix = OrthogonalLinear.builder().setUnits(options.width);
            return chain(matrix.optParametrization(options.parametrization).build(), activation);
        }

        /** The residual layer of everyday, {@code x + (V relu(W x + b) + c) / sqrt(L)}. */
        private Block residual(Block first, Block second) {
            double scale = 1 / Math.sqrt(depth);
            return new ParallelBlock(
                            both -> {
                                NDArray x = both.get(0).singletonOrThrow();
                                NDArray branch = both.get(1).singletonOrThrow();
                                return new NDList(x.add(GraphConstants.times(branch, scale)));
                            })
                    .add(Blocks.identityBlock())
                    .add(chain(first, Activation.reluBlock(), second));
        }

        private Block linear(Initializer weights) {
            Block linear = Linear.builder().setUnits(options.width).build();
            linear.setInitializer(weights, "weight");
            return linear;
        }

        private <T extends KernelLayer.Builder<T>> T kernel(T builder) {
            T sized = builder.setChannels(options.channels).setKernel(3);
            return sized.optParametrization(options.parametrization);
        }

        /** An ordinary convolution, zeros around the image. */
        private Block convolution(int gain) {
            Block convolution =
                    Conv2d.builder()
                            .setKernelShape(new Shape(3, 3))
                            .setFilters(options.channels)
                            .optPadding(new Shape(1, 1))
                            .build();
            convolution.setInitializer(gaussian(gain), "weight");
            return convolution;
        }
    }
}

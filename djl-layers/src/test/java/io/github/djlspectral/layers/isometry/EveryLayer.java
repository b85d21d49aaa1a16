package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Every block of this module by name, no two of the same function. */
final class EveryLayer {

    static final Gpt2Config CONFIG = new Gpt2Config(11, 8, 2, 2, 8, 0, true);
    static final Shape TEXT = new Shape(2, 5);

    static final Map<String, Supplier<Block>> LAYERS = new LinkedHashMap<>();
    static final Map<String, Shape> INPUTS = new LinkedHashMap<>();

    static final Shape VECTORS = new Shape(3, 4);
    static final Shape IMAGES = new Shape(2, 4, 6, 6);
    static final Shape TOKENS = new Shape(2, 3, 4);

    static {
        for (Parametrization way : Parametrization.values()) {
            vectors("fold " + way, () -> fold().optParametrization(way).build());
            vectors("abs " + way, () -> absFold().optParametrization(way).build());
            vectors("linear " + way, () -> linear(4).optParametrization(way).build());
            images("image fold " + way, () -> imageFold(3).optParametrization(way).build());
            images("patches " + way, () -> patches(8).optParametrization(way).build());
        }
        vectors("other slopes", () -> TwoSlopeFold.builder().setWidth(4).setSlopes(0, 1).build());
        vectors(
                "turned",
                () ->
                        TwoSlopeFold.builder()
                                .setWidth(4)
                                .setSlopes(0.1, 1)
                                .optIndependent(true)
                                .build());
        vectors("two slopes", () -> TwoSlopeFold.builder().setWidth(4).setSlopes(0.1, 1).build());
        vectors("half the rows", () -> fold().optRows(2).build());
        vectors("expansion", () -> linear(6).build());
        vectors("contraction", () -> linear(2).build());
        vectors("no bias", () -> linear(4).optBias(false).build());
        for (Persistence persistence : Persistence.values()) {
            vectors(persistence.name(), () -> persistent().optPersistence(persistence).build());
        }
        vectors("1-Lipschitz", () -> persistent().optLipschitz(true).build());
        vectors("householder", HouseholderActivation::new);
        vectors("groupSort(2)", () -> FixedIsometry.groupSort(2));
        vectors("groupSort(4)", () -> FixedIsometry.groupSort(4));
        vectors("absSort", FixedIsometry::absSort);
        vectors("fixed abs", FixedIsometry::abs);
        vectors("shiftedAbs(1)", () -> FixedIsometry.shiftedAbs(1));
        vectors("shiftedAbs(2)", () -> FixedIsometry.shiftedAbs(2));
        vectors("sawtooth", () -> FixedIsometry.sawtooth(1.5));
        vectors("maxMin", FixedIsometry::maxMin);
        vectors("concatenatedRelu", FixedIsometry::concatenatedRelu);
        vectors("scaledPooling", () -> FixedIsometry.scaledPooling(2));
        vectors("maxPooling", () -> FixedIsometry.maxPooling(2));
        images("stride 2", () -> imageFold(3).optStride(2).build());
        images("kernel 2", () -> imageFold(2).build());
        images("three filters", () -> imageFold(3).optFilters(3).build());
        images("circular", () -> circular(4).build());
        images("expanding", () -> circular(6).build());
        images("contracting", () -> circular(2).build());
        images("more patches", () -> patches(20).build());
        FixedImageIsometryTest.layers().forEach(l -> images("image " + l, () -> l));
        put("flow", TOKENS, () -> flow().build());
        put("flow of 2 steps", TOKENS, () -> flow().setSteps(2).build());
        put("flow of 1 head", TOKENS, () -> flow().setHeads(1).build());
        put("warm flow", TOKENS, () -> flow().optTemperature(2).build());
        put("slow flow", TOKENS, () -> flow().setStepSize(0.1).build());
        put("constant flow", TOKENS, () -> flow().optSharedWeights(true).build());
        put("gpt2", TEXT, () -> gpt2(CONFIG));
        put("gpt2 of 4 heads", TEXT, () -> gpt2(new Gpt2Config(11, 8, 2, 4, 8, 0.1f, true)));
        put("gpt2 without biases", TEXT, () -> gpt2(new Gpt2Config(11, 8, 2, 2, 8, 0, false)));
    }

    private EveryLayer() {}

    private static void vectors(String name, Supplier<Block> layer) {
        put(name, VECTORS, layer);
    }

    private static void images(String name, Supplier<Block> layer) {
        put(name, IMAGES, layer);
    }

    private static void put(String name, Shape input, Supplier<Block> layer) {
        LAYERS.put(name, layer);
        INPUTS.put(name, input);
    }

    private static ResidualFold.Builder fold() {
        return ResidualFold.builder().setWidth(4).optInitialBias(0.1f);
    }

    private static AbsFold.Builder absFold() {
        return AbsFold.builder().setWidth(4);
    }

    private static OrthogonalLinear.Builder linear(int units) {
        return OrthogonalLinear.builder().setUnits(units);
    }

    private static PersistentFold.Builder persistent() {
        return PersistentFold.builder().setWidth(4).setDirections(2);
    }

    private static ConvolutionFold.Builder imageFold(int kernel) {
        return ConvolutionFold.builder().setChannels(4).setKernel(kernel);
    }

    private static OrthogonalConvolution.Builder circular(int filters) {
        return OrthogonalConvolution.builder().setChannels(4).setFilters(filters).setKernel(3);
    }

    private static OrthogonalConvolution.Builder patches(int filters) {
        return circular(filters).setKernel(2).optStride(2);
    }

    private static AttentionFlow.Builder flow() {
        return AttentionFlow.builder().setDimension(4).setHeads(2).setSteps(3).setStepSize(0.5);
    }

    private static Block gpt2(Gpt2Config config) {
        return Gpt2.builder().setConfig(config).build();
    }

    static Stream<String> names() {
        return LAYERS.keySet().stream();
    }

    static Stream<String> namesOfVectors() {
        return names().filter(name -> INPUTS.get(name) == VECTORS);
    }

    static Block initialised(NDManager manager, String name) {
        Block block = LAYERS.get(name).get();
        block.initialize(manager, DataType.FLOAT32, INPUTS.get(name));
        return block;
    }

    static NDArray input(NDManager manager, String name) {
        return input(manager, INPUTS.get(name));
    }

    static NDArray input(NDManager manager, Shape shape) {
        if (shape == TEXT) {
            return manager.randomInteger(0, CONFIG.vocabSize(), shape, DataType.INT64);
        }
        NDArray x = manager.randomNormal(shape);
        return shape == TOKENS ? x.div(x.norm(new int[] {2}, true)) : x;
    }

    static NDArray run(Block block, NDArray x, boolean training) {
        ParameterStore store = new ParameterStore(x.getManager(), false);
        return block.forward(store, new NDList(x), training).singletonOrThrow();
    }
}

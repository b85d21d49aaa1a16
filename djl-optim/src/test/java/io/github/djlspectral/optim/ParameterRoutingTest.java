package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.modality.nlp.DefaultVocabulary;
import ai.djl.modality.nlp.embedding.TrainableWordEmbedding;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.transformer.BertBlock;
import ai.djl.util.Pair;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ParameterRoutingTest {

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private <B extends Block> B initialized(B block, Shape... inputs) {
        block.initialize(manager, DataType.FLOAT32, inputs);
        return block;
    }

    private static List<String> spectral(ParameterRouting routing, Block block) {
        return BlockParameters.byName(block).entrySet().stream()
                .filter(e -> routing.isSpectral(e.getValue().getId()))
                .map(Map.Entry::getKey)
                .toList();
    }

    private static List<String> spectral(Block block) {
        return spectral(ParameterRouting.of(block), block);
    }

    private BareBlock gpt() {
        return initialized(
                new BareBlock()
                        .weight("wte.weight", 50, 8)
                        .weight("wpe.weight", 16, 8)
                        .weight("h.0.ln_1.weight", 8)
                        .add("h.0.ln_1.bias", Parameter.Type.BIAS, 8)
                        .weight("h.0.attn.c_attn.weight", 24, 8)
                        .add("h.0.attn.c_attn.bias", Parameter.Type.BIAS, 24)
                        .weight("h.0.attn.c_proj.weight", 8, 8)
                        .weight("h.0.mlp.c_fc.weight", 32, 8)
                        .weight("h.0.mlp.c_proj.weight", 8, 32)
                        .weight("ln_f.weight", 8)
                        .weight("lm_head.weight", 50, 8),
                new Shape(1));
    }

    @Test
    void findsTheHiddenMatricesOfGpt2() {
        assertThat(spectral(gpt()))
                .containsExactly(
                        "h.0.attn.c_attn.weight",
                        "h.0.attn.c_proj.weight",
                        "h.0.mlp.c_fc.weight",
                        "h.0.mlp.c_proj.weight");
    }

    @Test
    void findsConvolutionsButNotTheLastLinearNorRunningStatistics() {
        Block block =
                initialized(
                        new SequentialBlock()
                                .add(
                                        Conv2d.builder()
                                                .setFilters(4)
                                                .setKernelShape(new Shape(3, 3))
                                                .build())
                                .add(BatchNorm.builder().build())
                                .add(Blocks.batchFlattenBlock())
                                .add(Linear.builder().setUnits(7).build())
                                .add(Activation::relu)
                                .add(Linear.builder().setUnits(3).build())
                                .add(Activation::relu),
                        new Shape(1, 2, 5, 5));
        assertThat(spectral(block)).containsExactly("01Conv2d_weight", "04Linear_weight");
        ParameterRouting all = ParameterRouting.of(block).withSpectral("Linear");
        assertThat(spectral(all, block))
                .containsExactly("01Conv2d_weight", "04Linear_weight", "06Linear_weight");
        assertThat(ParameterRouting.of(block).toTable())
                .contains("frozen", "type RUNNING_MEAN", "convolution");
    }

    @Test
    void findsEmbeddingsByBlockAndByName() {
        Block words =
                initialized(
                        new SequentialBlock()
                                .add(
                                        TrainableWordEmbedding.builder()
                                                .setEmbeddingSize(4)
                                                .setVocabulary(
                                                        DefaultVocabulary.builder()
                                                                .add(List.of("a", "b", "c"))
                                                                .optUnknownToken()
                                                                .build())
                                                .build())
                                .add(Linear.builder().setUnits(3).build())
                                .add(Linear.builder().setUnits(2).build()),
                        new Shape(1));
        assertThat(spectral(words)).containsExactly("02Linear_weight");

        Block bert =
                BertBlock.builder()
                        .setTokenDictionarySize(11)
                        .optEmbeddingSize(8)
                        .optHiddenSize(12)
                        .optAttentionHeadCount(2)
                        .optTransformerBlockCount(1)
                        .build();
        initialized(bert, new Shape(1, 5), new Shape(1, 5), new Shape(1, 5));
        // All but the pooling projection at its end, which is the last Linear.
        String layer = "05transformer_0_";
        assertThat(spectral(bert))
                .containsExactly(
                        layer + "01selfAttention_01keyProjection_weight",
                        layer + "01selfAttention_02queryProjection_weight",
                        layer + "01selfAttention_03valueProjection_weight",
                        layer + "01selfAttention_04resultProjection_weight",
                        layer + "03outputBlock_01Linear_weight",
                        layer + "03outputBlock_03Linear_weight");
    }

    @Test
    void routesByTypeShapeAndPartsOfNames() {
        BareBlock block =
                initialized(
                        new BareBlock()
                                .weight("a.row", 1, 9)
                                .weight("a.column", 9, 1, 1)
                                .weight("a.filter", 9, 1, 3)
                                .weight("a.scalar")
                                .add("a.other", Parameter.Type.OTHER, 9, 9)
                                .weight("a.multi_head_proj.weight", 9, 9)
                                .weight("a.headline.weight", 9, 9)
                                .weight("swte.weight", 9, 9)
                                .weight("tokenEmbedding", 9, 9)
                                .weight("classifier.weight", 9, 9)
                                .weight("model.head.weight", 9, 9),
                        new Shape(1));
        assertThat(spectral(block))
                .containsExactly(
                        "a.filter", "a.headline.weight", "a.multi_head_proj.weight", "swte.weight");
        assertThat(ParameterRouting.of(block).toTable())
                .containsPattern("a.scalar +\\(\\) +1 +fallback  scalar");
    }

    @Test
    void laterExceptionsWinAndVectorsNeverBecomeSpectral() {
        BareBlock block = gpt();
        ParameterRouting plain = ParameterRouting.of(block);
        ParameterRouting routing =
                plain.withSpectral("")
                        .withFallback("^h\\..*proj")
                        .withSpectral(pair -> pair.getValue().getShape().get(0) == 8)
                        .withFallback(pair -> pair.getKey().startsWith("w"));
        assertThat(spectral(routing, block))
                .containsExactly(
                        "h.0.attn.c_attn.weight",
                        "h.0.attn.c_proj.weight",
                        "h.0.mlp.c_fc.weight",
                        "h.0.mlp.c_proj.weight",
                        "lm_head.weight");
        assertThat(spectral(plain, block)).hasSize(4);
    }

    @Test
    void printsATable() {
        BareBlock block =
                new BareBlock()
                        .weight("wte.weight", 1000, 8)
                        .weight("h.w", 8, 8)
                        .weight("ln_f.weight", 8);
        ParameterRouting routing = ParameterRouting.of(initialized(block, new Shape(1)));
        assertThat(routing.toTable())
                .isEqualTo(
                        """
                        parameter    shape      elements  route     reason
                        h.w          (8, 8)           64  spectral  hidden matrix
                        ln_f.weight  (8)               8  fallback  vector
                        wte.weight   (1000, 8)     8,000  fallback  embedding
                        total                         64  spectral  1 arrays
                        total                      8,008  fallback  2 arrays
                        total                          0  frozen    0 arrays
                        """);
        block.freezeParameters(true, p -> p.getName().equals("h.w"));
        assertThat(routing.toTable()).containsPattern("h.w .* frozen    hidden matrix");
    }

    @Test
    void isMadeBeforeTheBlockHasShapesAndUsedAfter() {
        SequentialBlock block =
                new SequentialBlock()
                        .add(Linear.builder().setUnits(4).build())
                        .add(Linear.builder().setUnits(3).build());
        ParameterRouting routing = ParameterRouting.of(block);
        String id = block.getParameters().get("01Linear_weight").getId();
        assertThatThrownBy(() -> routing.isSpectral(id))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("Parameter 01Linear_weight has no shape yet");
        initialized(block, new Shape(1, 5));
        assertThat(routing.isSpectral(id)).isTrue();
        assertThat(routing.find(id).name()).isEqualTo("01Linear_weight");
    }

    @Test
    void showsWhatBlocksWithShapesWillDoAndReadsThemAgainWhenTheyHaveArrays() {
        BareBlock block = new BareBlock().weight("h.w", 8, 8);
        ParameterRouting routing = ParameterRouting.of(block);
        assertThat(routing.toTable()).containsPattern("h.w +\\(8, 8\\) +64 +spectral");
        block.getParameters().get(0).getValue().setShape(new Shape(1, 8));
        assertThat(initialized(block, new Shape(1)).getParameters().size()).isEqualTo(1);
        assertThat(routing.toTable()).containsPattern("h.w +\\(1, 8\\) +8 +fallback  1 x n");
    }

    @Test
    void asksASupplierAtFirstUseAndRefusesNothing() {
        AtomicReference<Block> model = new AtomicReference<>();
        ParameterRouting routing = ParameterRouting.of(model::get).withFallback("h\\.w");
        assertThatThrownBy(routing::toTable)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no block yet");
        model.set(new BareBlock().weight("h.w", 8, 8));
        assertThat(routing.toTable()).contains("as asked");

        assertThatThrownBy(() -> ParameterRouting.of((Block) null)).hasMessage("block");
        Supplier<Block> none = null;
        assertThatThrownBy(() -> ParameterRouting.of(none)).hasMessage("block");
        Predicate<Pair<String, Parameter>> nothing = null;
        assertThatThrownBy(() -> routing.withSpectral(nothing)).hasMessage("predicate");
    }

    @Test
    void refusesToTrainABlockWithoutAnySpectralParameter() {
        BareBlock block =
                initialized(
                        new BareBlock().weight("a", 1, 9).weight("head.weight", 3, 9),
                        new Shape(1));
        ParameterRouting routing = ParameterRouting.of(block);
        String id = block.getParameters().get("a").getId();
        assertThatThrownBy(() -> routing.isSpectral(id))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "No parameter of the block is spectral",
                        "withSpectral(..)",
                        "DecoupledAdamW",
                        "head.weight  (3, 9)");
        assertThat(routing.toTable()).contains("output head");
        assertThat(routing.withSpectral("head").isSpectral(id)).isFalse();
    }

    @Test
    void refusesUnknownIdsAndNamesThatMatchNothing() {
        BareBlock block = gpt();
        assertThatThrownBy(() -> ParameterRouting.of(block).isSpectral("uid-0"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("uid-0 is not one of the 11");
        assertThatThrownBy(() -> ParameterRouting.of(block).withFallback("h\\.1").toTable())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "no parameter whose name matches h\\.1; the names are [h.0.attn");
        assertThatThrownBy(() -> ParameterRouting.of(block).withSpectral("bias").toTable())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("of rank 2 or more");
        assertThatThrownBy(() -> ParameterRouting.of(block).withSpectral("("))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void sharedParametersAppearOnce() {
        Linear shared = Linear.builder().setUnits(4).build();
        Block block =
                initialized(
                        new SequentialBlock()
                                .add(shared)
                                .add(shared)
                                .add(Linear.builder().setUnits(2).build()),
                        new Shape(1, 4));
        assertThat(
                        ParameterRouting.of(block)
                                .toTable()
                                .lines()
                                .filter(line -> line.contains("Linear_weight"))
                                .collect(Collectors.joining("\n")))
                .contains("01Linear_weight", "03Linear_weight")
                .doesNotContain("02Linear_weight");
    }
}

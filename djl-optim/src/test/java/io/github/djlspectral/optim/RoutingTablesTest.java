package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.AbstractEmbedding;
import ai.djl.nn.core.Linear;
import ai.djl.nn.core.LinearCollection;
import ai.djl.nn.core.Multiplication;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.nn.pooling.Pool;
import ai.djl.nn.recurrent.GRU;
import ai.djl.nn.recurrent.LSTM;
import ai.djl.nn.transformer.BertBlock;
import ai.djl.nn.transformer.TransformerEncoderBlock;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the rules decide about DJL's common blocks, row by row. */
class RoutingTablesTest {

    /** Children whose order is all that is known. */
    private static class Custom extends AbstractBlock {

        Custom add(String name, Block child) {
            addChildBlock(name, child);
            return this;
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                PairList<String, Object> params) {
            return inputs;
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }

        @Override
        protected void initializeChildBlocks(
                NDManager manager, DataType dataType, Shape... inputShapes) {
            for (Block child : getChildren().values()) {
                child.initialize(manager, dataType, inputShapes);
            }
        }
    }

    /** An embedding with a name of its own for the table. */
    private static final class WordPieces extends Custom implements AbstractEmbedding<String> {

        WordPieces() {
            addParameter(
                    Parameter.builder()
                            .setName("lookup")
                            .setType(Parameter.Type.WEIGHT)
                            .optShape(new Shape(4, 4))
                            .build());
        }

        @Override
        public NDArray embed(NDManager manager, String[] items) {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean hasItem(String item) {
            return false;
        }
    }

    /** A table of no columns. */
    private static final class Empty extends Custom {

        Empty() {
            addParameter(
                    Parameter.builder()
                            .setName("none")
                            .setType(Parameter.Type.WEIGHT)
                            .optShape(new Shape(9, 0))
                            .optInitializer(Initializer.ZEROS)
                            .build());
        }
    }

    private static Linear linear(int units) {
        return Linear.builder().setUnits(units).optBias(false).build();
    }

    private static Conv2d convolution(int filters, int side) {
        return Conv2d.builder()
                .setFilters(filters)
                .setKernelShape(new Shape(side, side))
                .optPadding(new Shape(side / 2, side / 2))
                .optBias(false)
                .build();
    }

    /** One line per parameter: name, shape, route and reason. */
    private static String rows(ParameterRouting routing) {
        return routing.toTable()
                .lines()
                .skip(1)
                .filter(line -> !line.startsWith("total"))
                .map(line -> line.replaceAll("\\) +\\S+ +(\\S+) +", ") $1: "))
                .map(line -> line.replaceAll(" +", " "))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    private static String rows(Block block, Shape... inputs) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            block.initialize(manager, DataType.FLOAT32, inputs);
            return rows(ParameterRouting.of(block));
        }
    }

    /** The rows of weights. */
    private static String weights(Block block, Shape... inputs) {
        return rows(block, inputs)
                .lines()
                .filter(row -> !row.contains(": type "))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    @Test
    void perceptron() {
        Block block =
                new SequentialBlock()
                        .add(Blocks.batchFlattenBlock())
                        .add(Linear.builder().setUnits(8).build())
                        .add(Activation::relu)
                        .add(linear(3));
        assertThat(rows(block, new Shape(1, 2, 3)))
                .isEqualTo(
                        """
                        02Linear_bias (8) fallback: type BIAS
                        02Linear_weight (8, 6) spectral: hidden matrix
                        04Linear_weight (3, 8) fallback: output head (last Linear)
                        """);
    }

    @Test
    void convolutionsBelowALinearHead() {
        Block block =
                new SequentialBlock()
                        .add(convolution(4, 3))
                        .add(Activation::relu)
                        .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2)))
                        .add(convolution(6, 3))
                        .add(Blocks.batchFlattenBlock())
                        .add(linear(8))
                        .add(linear(3));
        assertThat(weights(block, new Shape(1, 1, 6, 6)))
                .isEqualTo(
                        """
                        01Conv2d_weight (4, 1, 3, 3) spectral: convolution
                        04Conv2d_weight (6, 4, 3, 3) spectral: convolution
                        06Linear_weight (8, 54) spectral: hidden matrix
                        07Linear_weight (3, 8) fallback: output head (last Linear)
                        """);
    }

    @Test
    void aConvolutionAsTheHead() {
        Block block =
                new SequentialBlock()
                        .add(convolution(4, 3))
                        .add(convolution(5, 1))
                        .add(BatchNorm.builder().build())
                        .add(Activation::relu)
                        .add(Pool.globalAvgPool2dBlock());
        assertThat(weights(block, new Shape(1, 2, 4, 4)))
                .isEqualTo(
                        """
                        01Conv2d_weight (4, 2, 3, 3) spectral: convolution
                        02Conv2d_weight (5, 4, 1, 1) fallback: output head (last Conv2d)
                        """);
    }

    @Test
    void residualBlocks() {
        Block block = new SequentialBlock().add(residual(4)).add(residual(6));
        String first = "01ParallelBlock_0";
        String last = "02ParallelBlock_0";
        assertThat(weights(block, new Shape(1, 2, 4, 4)))
                .isEqualTo(
                        first
                                + "1SequentialBlock_01Conv2d_weight (4, 2, 3, 3) spectral:"
                                + " convolution\n"
                                + first
                                + "1SequentialBlock_04Conv2d_weight (4, 4, 3, 3) spectral:"
                                + " convolution\n"
                                + first
                                + "2Conv2d_weight (4, 2, 1, 1) spectral: convolution\n"
                                + last
                                + "1SequentialBlock_01Conv2d_weight (6, 4, 3, 3) spectral:"
                                + " convolution\n"
                                + last
                                + "1SequentialBlock_04Conv2d_weight (6, 6, 3, 3) fallback:"
                                + " output head (last Conv2d)\n"
                                + last
                                + "2Conv2d_weight (6, 4, 1, 1) fallback: output head (last"
                                + " Conv2d)\n");
    }

    @Test
    void severalHeadsInParallel() {
        Block block =
                new SequentialBlock()
                        .add(linear(6))
                        .add(
                                new ParallelBlock(branches -> branches.get(0))
                                        .add(linear(3))
                                        .add(new SequentialBlock().add(linear(7)).add(linear(2))));
        assertThat(weights(block, new Shape(1, 5)).replace("02ParallelBlock", "02"))
                .isEqualTo(
                        """
                        01Linear_weight (6, 5) spectral: hidden matrix
                        02_01Linear_weight (3, 6) fallback: output head (last Linear)
                        02_02SequentialBlock_01Linear_weight (7, 6) spectral: hidden matrix
                        02_02SequentialBlock_02Linear_weight (2, 7) fallback: output head (last Linear)
                        """);
    }

    /** A policy and a value; the predictors of a single-shot detector. */
    @Test
    void severalHeadsInABlockOfItsOwnKind() {
        Block actor =
                new Custom()
                        .add("body", new SequentialBlock().add(linear(5)).add(linear(5)))
                        .add("policy", linear(4))
                        .add("value", linear(2));
        assertThat(weights(actor, new Shape(1, 5)))
                .isEqualTo(
                        """
                        01body_01Linear_weight (5, 5) spectral: hidden matrix
                        01body_02Linear_weight (5, 5) spectral: hidden matrix
                        02policy_weight (4, 5) fallback: output head (last Linear)
                        03value_weight (2, 5) fallback: output head (last Linear)
                        """);
        Block detector =
                new Custom()
                        .add("body", new SequentialBlock().add(convolution(3, 3)))
                        .add("Conv2d", convolution(8, 3))
                        .add("Conv2d", convolution(8, 3))
                        .add("Conv2d", convolution(16, 3))
                        .add("Conv2d", convolution(16, 3));
        assertThat(weights(detector, new Shape(1, 3, 4, 4)).lines())
                .hasSize(5)
                .filteredOn(row -> row.contains("spectral"))
                .containsExactly("01body_01Conv2d_weight (3, 3, 3, 3) spectral: convolution");
    }

    /** Three scales of a YOLO: outputs that are read no further, between layers that go on. */
    @Test
    void headsOnTheWayThroughABlockOfItsOwnKind() {
        Block yolo =
                new Custom()
                        .add("body", new SequentialBlock().add(convolution(4, 3)))
                        .add("output0", scale(6, 9))
                        .add("smaller", convolution(4, 1))
                        .add("output1", scale(8, 9))
                        .add("smallest", convolution(4, 1))
                        .add("output2", scale(4, 9));
        assertThat(weights(yolo, new Shape(1, 4, 5, 5)).replace("Conv2d_weight", ""))
                .isEqualTo(
                        """
                        01body_01 (4, 4, 3, 3) spectral: convolution
                        02output0_01 (6, 4, 3, 3) spectral: convolution
                        02output0_02 (9, 6, 1, 1) fallback: output head (last Conv2d)
                        03smaller_weight (4, 4, 1, 1) spectral: convolution
                        04output1_01 (8, 4, 3, 3) spectral: convolution
                        04output1_02 (9, 8, 1, 1) fallback: output head (last Conv2d)
                        05smallest_weight (4, 4, 1, 1) spectral: convolution
                        06output2_01 (4, 4, 3, 3) spectral: convolution
                        06output2_02 (9, 4, 1, 1) fallback: output head (last Conv2d)
                        """);
    }

    /** The first has as many outputs as the second, and that as many inputs as the last. */
    @Test
    void headsAreFoundBesideEachOther() {
        Block block =
                new Custom()
                        .add("first", scale(6, 10))
                        .add("second", scale(8, 10))
                        .add("last", scale(8, 16));
        assertThat(weights(block, new Shape(1, 4, 5, 5)))
                .contains("(10, 6, 1, 1) fallback", "(10, 8, 1, 1) fallback", "(16, 8, 1, 1) fall")
                .contains("(6, 4, 3, 3) spectral", "(8, 4, 3, 3) spectral");
    }

    /**
     * A code that the layers after the next read; what a sequence cuts; a child without elements.
     */
    @Test
    void layersWhoseReaderIsNotTheNextAreNoHeads() {
        Block code =
                new Custom()
                        .add("code", linear(9))
                        .add("decoder", new SequentialBlock().add(linear(9)).add(linear(8)))
                        .add("out", linear(7));
        assertThat(weights(code, new Shape(1, 5)))
                .contains("01code_weight (9, 5) spectral", "(7, 5) fallback: output head");
        Block cut =
                new SequentialBlock()
                        .add(linear(6))
                        .addSingleton(states -> states.get(":, :4"))
                        .add(linear(6));
        assertThat(weights(cut, new Shape(1, 5)))
                .contains("(6, 5) spectral: hidden matrix", "(6, 4) fallback: output head");
        Block empty = new Custom().add("a", linear(3)).add("b", new Empty()).add("c", linear(4));
        assertThat(weights(empty, new Shape(1, 5)))
                .contains("(3, 5) fallback: out", "(9, 0) fallback: empty", "(4, 5) fallback: out");
    }

    private static Block scale(int filters, int outputs) {
        return new SequentialBlock().add(convolution(filters, 3)).add(convolution(outputs, 1));
    }

    /** Queries, keys and values in one product, a gated layer, a filter that is flattened. */
    @Test
    void layersReadInPartsAreNoHeads() {
        Block attention = new Custom().add("qkv", linear(15)).add("proj", linear(5));
        assertThat(weights(attention, new Shape(1, 5)))
                .contains("(15, 5) spectral: hidden matrix", "(5, 5) fallback: output head");
        Block gated = new Custom().add("gate", linear(10)).add("down", linear(5));
        assertThat(weights(gated, new Shape(1, 5))).contains("(10, 5) spectral: hidden matrix");
        Block flattened =
                new Custom()
                        .add("filter", convolution(2, 3))
                        .add(
                                "fc",
                                new SequentialBlock()
                                        .add(Blocks.batchFlattenBlock())
                                        .add(linear(2)));
        assertThat(weights(flattened, new Shape(1, 3, 2, 2)))
                .contains("(2, 3, 3, 3) spectral: convolution");
    }

    /** An agent's policy and a critic's single value. */
    @Test
    void aHeadWithOneOutput() {
        Block block =
                new Custom()
                        .add("body", linear(5))
                        .add("policy", linear(4))
                        .add("value", linear(1));
        assertThat(weights(block, new Shape(1, 5)))
                .isEqualTo(
                        """
                        01body_weight (5, 5) spectral: hidden matrix
                        02policy_weight (4, 5) fallback: output head (last Linear)
                        03value_weight (1, 5) fallback: 1 x n
                        """);
        Block sequence = new SequentialBlock().add(linear(5)).add(linear(1));
        assertThat(weights(sequence, new Shape(1, 5))).contains("(5, 5) spectral: hidden matrix");
        try (Model model = ScriptedBody.load(5, 6, 1)) {
            assertThat(rows(ParameterRouting.of(model.getBlock())))
                    .contains("embedding_tower.0.weight (6, 5) frozen: hidden matrix");
        }
    }

    @Test
    void layersThatFeedEachOtherAreNotAllHeads() {
        Block square = new Custom().add("fc1", linear(5)).add("fc2", linear(5));
        assertThat(weights(square, new Shape(1, 5)))
                .isEqualTo(
                        """
                        01fc1_weight (5, 5) spectral: hidden matrix
                        02fc2_weight (5, 5) fallback: output head (last Linear)
                        """);
        Block mixed = new Custom().add("filter", convolution(4, 3)).add("fc", linear(7));
        assertThat(weights(mixed, new Shape(1, 2, 5, 5)))
                .isEqualTo(
                        """
                        01filter_weight (4, 2, 3, 3) spectral: convolution
                        02fc_weight (7, 5) fallback: output head (last Linear)
                        """);
    }

    @Test
    void recurrentBlocks() {
        Block gru =
                new SequentialBlock()
                        .add(GRU.builder().setStateSize(4).setNumLayers(1).build())
                        .add(linear(2));
        assertThat(rows(gru, new Shape(1, 3, 5)))
                .isEqualTo(
                        """
                        01GRU_l_0_h2h_BIAS (12) fallback: type BIAS
                        01GRU_l_0_h2h_WEIGHT (12, 4) spectral: hidden matrix
                        01GRU_l_0_i2h_BIAS (12) fallback: type BIAS
                        01GRU_l_0_i2h_WEIGHT (12, 5) spectral: hidden matrix
                        02Linear_weight (2, 4) fallback: output head (last Linear)
                        """);
        // Its output is the LSTM's, so that the Linear is no head.
        Block lstm =
                new SequentialBlock()
                        .add(linear(6))
                        .add(LSTM.builder().setStateSize(4).setNumLayers(1).build())
                        .add(Activation::relu);
        assertThat(weights(lstm, new Shape(1, 3, 5)))
                .isEqualTo(
                        """
                        01Linear_weight (6, 5) spectral: hidden matrix
                        02LSTM_l_0_h2h_WEIGHT (16, 4) spectral: hidden matrix
                        02LSTM_l_0_i2h_WEIGHT (16, 6) spectral: hidden matrix
                        """);
    }

    @Test
    void transformers() {
        Block encoder = new TransformerEncoderBlock(8, 2, 16, 0f, Activation::relu);
        assertThat(weights(encoder, new Shape(1, 3, 8)))
                .isEqualTo(
                        """
                        01selfAttention_01keyProjection_weight (8, 8) spectral: hidden matrix
                        01selfAttention_02queryProjection_weight (8, 8) spectral: hidden matrix
                        01selfAttention_03valueProjection_weight (8, 8) spectral: hidden matrix
                        01selfAttention_04resultProjection_weight (8, 8) spectral: hidden matrix
                        03outputBlock_01Linear_weight (16, 8) spectral: hidden matrix
                        03outputBlock_03Linear_weight (8, 16) fallback: output head (last Linear)
                        """);
        Block bert =
                BertBlock.builder()
                        .setTokenDictionarySize(11)
                        .optEmbeddingSize(8)
                        .optHiddenSize(12)
                        .optAttentionHeadCount(2)
                        .optTransformerBlockCount(1)
                        .build();
        Shape tokens = new Shape(1, 5);
        assertThat(weights(bert, tokens, tokens, tokens).replace("05transformer_0_", "0_"))
                .isEqualTo(
                        """
                        01tokenEmbedding_embedding (11, 8) fallback: embedding
                        02typeEmbedding_embedding (16, 8) fallback: embedding
                        0_01selfAttention_01keyProjection_weight (8, 8) spectral: hidden matrix
                        0_01selfAttention_02queryProjection_weight (8, 8) spectral: hidden matrix
                        0_01selfAttention_03valueProjection_weight (8, 8) spectral: hidden matrix
                        0_01selfAttention_04resultProjection_weight (8, 8) spectral: hidden matrix
                        0_03outputBlock_01Linear_weight (12, 8) spectral: hidden matrix
                        0_03outputBlock_03Linear_weight (8, 12) spectral: hidden matrix
                        06poolingProjection_weight (8, 8) fallback: output head (last Linear)
                        positionEmbedding (512, 8) fallback: embedding
                        """);
    }

    @Test
    void norms() {
        Block block =
                new SequentialBlock()
                        .add(BatchNorm.builder().build())
                        .add(LayerNorm.builder().build())
                        .add(linear(3));
        assertThat(rows(block, new Shape(1, 3, 5)))
                .isEqualTo(
                        """
                        01BatchNorm_beta (3) fallback: type BETA
                        01BatchNorm_gamma (3) fallback: type GAMMA
                        01BatchNorm_runningMean (3) frozen: type RUNNING_MEAN
                        01BatchNorm_runningVar (3) frozen: type RUNNING_VAR
                        02LayerNorm_beta (3, 5) fallback: type BETA
                        02LayerNorm_gamma (3, 5) fallback: type GAMMA
                        03Linear_weight (3, 5) fallback: output head (last Linear)
                        """);
    }

    /** Told by its type where no name says so, and not by the name of what is around it. */
    @Test
    void embeddings() {
        assertThat(weights(new Custom().add("Words", new WordPieces()), new Shape(1)))
                .isEqualTo("01Words_lookup (4, 4) fallback: embedding\n");
        Block tower = new SequentialBlock().add(linear(6)).add(linear(5));
        Block block =
                new SequentialBlock()
                        .add(
                                new Custom()
                                        .add("EmbeddingTower", tower)
                                        .add("positionEmbed", linear(5)))
                        .add(linear(2));
        assertThat(weights(block, new Shape(1, 5)).replace("01Custom_", "_"))
                .isEqualTo(
                        """
                        _01EmbeddingTower_01Linear_weight (6, 5) spectral: hidden matrix
                        _01EmbeddingTower_02Linear_weight (5, 6) spectral: hidden matrix
                        _02positionEmbed_weight (5, 5) fallback: embedding
                        02Linear_weight (2, 5) fallback: output head (last Linear)
                        """);
    }

    @Test
    void stacksOfMatrices() {
        Block block =
                new SequentialBlock()
                        .add(LinearCollection.builder().setUnits(3).build())
                        .add(linear(4))
                        .add(linear(2));
        assertThat(rows(block, new Shape(1, 2, 5)))
                .isEqualTo(
                        """
                        01LinearCollection_bias (2, 3) fallback: type BIAS
                        01LinearCollection_weight (2, 5, 3) fallback: stack of matrices
                        02Linear_weight (4, 3) spectral: hidden matrix
                        03Linear_weight (2, 4) fallback: output head (last Linear)
                        """);
        Block gains = new SequentialBlock().add(Multiplication.builder().setUnits(3).build());
        assertThat(weights(gains, new Shape(1, 5)))
                .isEqualTo("01Multiplication_weight (3, 1, 5) fallback: stack of matrices\n");
        Block single = new SequentialBlock().add(LinearCollection.builder().setUnits(3).build());
        assertThat(weights(single, new Shape(1, 5)))
                .contains("(5, 3) fallback: output head (last LinearCollection)");
    }

    /** TorchScript: the shapes are those of the arrays, and the path is that of its modules. */
    @Test
    void torchScript() {
        try (Model model = ScriptedBody.load(5, 6, 3)) {
            Block body = model.getBlock();
            body.freezeParameters(false);
            assertThat(rows(ParameterRouting.of(body)))
                    .isEqualTo(
                            """
                            embedding_tower.0.bias (6) fallback: type BIAS
                            embedding_tower.0.weight (6, 5) spectral: hidden matrix
                            fc.bias (3) fallback: type BIAS
                            fc.weight (3, 6) fallback: output head (last matrix)
                            """);
            Block transfer = new SequentialBlock().add(body).add(linear(2));
            body.freezeParameters(true);
            assertThat(weights(transfer, new Shape(1, 5)).replace("01PtSymbolBlock", "01"))
                    .isEqualTo(
                            """
                            01_embedding_tower.0.weight (6, 5) frozen: hidden matrix
                            01_fc.weight (3, 6) frozen: hidden matrix
                            02Linear_weight (2, 3) fallback: output head (last Linear)
                            """);
        }
    }

    private static Block residual(int filters) {
        return new ParallelBlock(branches -> branches.get(0))
                .add(
                        new SequentialBlock()
                                .add(convolution(filters, 3))
                                .add(BatchNorm.builder().build())
                                .add(Activation::relu)
                                .add(convolution(filters, 3)))
                .add(convolution(filters, 1));
    }
}

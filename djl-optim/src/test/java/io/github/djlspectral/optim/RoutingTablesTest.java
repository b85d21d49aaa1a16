package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.RoutingRows.convolution;
import static io.github.djlspectral.optim.RoutingRows.linear;
import static io.github.djlspectral.optim.RoutingRows.rows;
import static io.github.djlspectral.optim.RoutingRows.weights;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv1d;
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
import io.github.djlspectral.torch.ScriptedBody;
import org.junit.jupiter.api.Test;

/** What the rules decide about DJL's common blocks, row by row. */
class RoutingTablesTest {

    /** An embedding with a name of its own for the table. */
    private static final class WordPieces extends BareBlock implements AbstractEmbedding<String> {

        WordPieces() {
            weight("lookup", 4, 4);
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

    /** Depthwise ones are one matrix, a row for each channel, as measured; or what is asked. */
    @Test
    void depthwiseConvolutions() {
        Block images =
                new SequentialBlock()
                        .add(convolution(4, 1))
                        .add(
                                Conv2d.builder()
                                        .setFilters(4)
                                        .optGroups(4)
                                        .setKernelShape(new Shape(3, 3))
                                        .optBias(false)
                                        .build())
                        .add(convolution(6, 1))
                        .add(Pool.globalAvgPool2dBlock())
                        .add(linear(3));
        assertThat(weights(images, new Shape(1, 2, 5, 5)))
                .isEqualTo(
                        """
                        01Conv2d_weight (4, 2, 1, 1) spectral: convolution
                        02Conv2d_weight (4, 1, 3, 3) spectral: convolution
                        03Conv2d_weight (6, 4, 1, 1) spectral: convolution
                        05Linear_weight (3, 6) fallback: output head (last Linear)
                        """);
        assertThat(ParameterRouting.of(images).withBlocks("02Conv2d_weight", 4).toTable())
                .contains("4 x (1, 9)");
        Block sequences =
                new SequentialBlock()
                        .add(
                                Conv1d.builder()
                                        .setFilters(4)
                                        .optGroups(4)
                                        .setKernelShape(new Shape(3))
                                        .optBias(false)
                                        .build())
                        .add(Blocks.batchFlattenBlock())
                        .add(linear(3));
        assertThat(weights(sequences, new Shape(1, 4, 5)))
                .isEqualTo(
                        """
                        01Conv1d_weight (4, 1, 3) spectral: convolution
                        03Linear_weight (3, 12) fallback: output head (last Linear)
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
                        01GRU_l_0_h2h_WEIGHT 3 x (4, 4) spectral: hidden matrices
                        01GRU_l_0_i2h_BIAS (12) fallback: type BIAS
                        01GRU_l_0_i2h_WEIGHT 3 x (4, 5) spectral: hidden matrices
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
                        02LSTM_l_0_h2h_WEIGHT 4 x (4, 4) spectral: hidden matrices
                        02LSTM_l_0_i2h_WEIGHT 4 x (4, 6) spectral: hidden matrices
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
        assertThat(weights(new BareBlock().add("Words", new WordPieces()), new Shape(1)))
                .isEqualTo("01Words_lookup (4, 4) fallback: embedding\n");
        Block tower = new SequentialBlock().add(linear(6)).add(linear(5));
        Block block =
                new SequentialBlock()
                        .add(
                                new BareBlock()
                                        .add("EmbeddingTower", tower)
                                        .add("positionEmbed", linear(5)))
                        .add(linear(2));
        assertThat(weights(block, new Shape(1, 5)).replace("01BareBlock_", "_"))
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
                        01LinearCollection_weight 2 x (5, 3) spectral: hidden matrices
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
}

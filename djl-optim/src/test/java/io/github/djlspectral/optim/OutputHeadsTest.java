package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.RoutingRows.convolution;
import static io.github.djlspectral.optim.RoutingRows.linear;
import static io.github.djlspectral.optim.RoutingRows.rows;
import static io.github.djlspectral.optim.RoutingRows.weights;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.pooling.Pool;
import io.github.djlspectral.torch.ScriptedBody;
import org.junit.jupiter.api.Test;

/**
 * Which layers the rules take for output heads, in sequences, in parallel and in blocks of other
 * kinds.
 */
class OutputHeadsTest {

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
                new BareBlock()
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
                new BareBlock()
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
                new BareBlock()
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
                new BareBlock()
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
                new BareBlock()
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
        Block empty =
                new BareBlock()
                        .add("a", linear(3))
                        .add("b", new BareBlock().weight("none", 9, 0))
                        .add("c", linear(4));
        assertThat(weights(empty, new Shape(1, 5)))
                .contains("(3, 5) fallback: out", "(9, 0) fallback: empty", "(4, 5) fallback: out");
    }

    private static Block scale(int filters, int outputs) {
        return new SequentialBlock().add(convolution(filters, 3)).add(convolution(outputs, 1));
    }

    /** Queries, keys and values in one product, a gated layer, a filter that is flattened. */
    @Test
    void layersReadInPartsAreNoHeads() {
        Block attention = new BareBlock().add("qkv", linear(15)).add("proj", linear(5));
        assertThat(weights(attention, new Shape(1, 5)))
                .contains("(15, 5) spectral: hidden matrix", "(5, 5) fallback: output head");
        Block gated = new BareBlock().add("gate", linear(10)).add("down", linear(5));
        assertThat(weights(gated, new Shape(1, 5))).contains("(10, 5) spectral: hidden matrix");
        Block flattened =
                new BareBlock()
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
                new BareBlock()
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
        Block square = new BareBlock().add("fc1", linear(5)).add("fc2", linear(5));
        assertThat(weights(square, new Shape(1, 5)))
                .isEqualTo(
                        """
                        01fc1_weight (5, 5) spectral: hidden matrix
                        02fc2_weight (5, 5) fallback: output head (last Linear)
                        """);
        Block mixed = new BareBlock().add("filter", convolution(4, 3)).add("fc", linear(7));
        assertThat(weights(mixed, new Shape(1, 2, 5, 5)))
                .isEqualTo(
                        """
                        01filter_weight (4, 2, 3, 3) spectral: convolution
                        02fc_weight (7, 5) fallback: output head (last Linear)
                        """);
    }
}

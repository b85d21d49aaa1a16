package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.layers.gpt.Precision;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryModelTest {

    private static final int FLOAT = 4;

    // C = 64, one head, L = 1, N = 2 x 4, V = 8192
    private final GrowthPoint point = new GrowthPoint(64, 1, 2, 4);
    private final MemoryModel adamW = new MemoryModel(point, false);
    private final MemoryModel muon = new MemoryModel(point, true);

    @Test
    void countsWeightsGradientsAndState() {
        // 8196 embeddings, 12 C x C matrices and 15 vectors of 64
        long weights = FLOAT * (8196 * 64 + 12 * 64 * 64 + 15 * 64);
        assertThat(adamW.weights()).isEqualTo(weights);
        assertThat(adamW.gradients()).isEqualTo(weights);
        assertThat(adamW.state()).isEqualTo(2 * weights);
        assertThat(muon.state()).isEqualTo(2 * weights - FLOAT * 49_152);
    }

    @Test
    void countsTheWeightsOfTheModel() {
        GrowthPoint larger = new GrowthPoint(128, 3, 1, 16);
        Gpt2 gpt2 = Gpt2.builder().setConfig(larger.config()).build();
        long elements =
                gpt2.getParameters().values().stream()
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        assertThat(new MemoryModel(larger, false).weights()).isEqualTo(FLOAT * elements);
    }

    @Test
    void countsWhatTheBackwardPassNeeds() {
        // Of each of 8 tokens: 3 places of the stream and of what is normalised with 2 numbers, 12
        // C
        // and 1 head in the layer, 6 C of gradients; and 8 rows of logits.
        assertThat(adamW.workspace())
                .isEqualTo(FLOAT * (8 * (3 * (128 + 2) + 768 + 1 + 384) + 8 * 8192));
    }

    @ParameterizedTest
    @ValueSource(strings = {"width=256", "depth=3", "batch=7", "batch=40", "context=100"})
    void countsTheWorkspaceOfTheGradient(String text) {
        GrowthPoint changed = GrowthPoint.parse(text);
        assertThat(new MemoryModel(changed, false).workspace())
                .isEqualTo(
                        Gpt2Backpropagation.bytes(
                                changed.config(),
                                Precision.FLOAT32,
                                DataType.FLOAT32,
                                changed.batch(),
                                changed.context()));
    }

    @Test
    void holdsAnEqualPartOfManyRowsOfLogits() {
        long few = new MemoryModel(new GrowthPoint(64, 1, 1, 1024), false).workspace();
        long many = new MemoryModel(new GrowthPoint(64, 1, 8, 1024), false).workspace();
        // 52 million logits are 6347 rows: 1024 at a time, and 8192 in two parts.
        assertThat(many - 8 * few).isEqualTo(FLOAT * 8192 * (4096 - 8 * 1024L));
    }

    @Test
    void countsThePeak() {
        assertThat(adamW.passing()).isEqualTo(FLOAT * 4 * 8 * 64);
        assertThat(muon.passing()).isEqualTo(FLOAT * (4 * 8 * 64 + 10 * 64 * 64));
        assertThat(muon.peak())
                .isEqualTo(
                        muon.weights()
                                + muon.gradients()
                                + muon.state()
                                + muon.workspace()
                                + muon.passing()
                                + 12_000_000);
    }
}

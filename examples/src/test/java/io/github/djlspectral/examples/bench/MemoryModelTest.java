package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.layers.gpt.Gpt2;
import org.junit.jupiter.api.Test;

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
        // Of each of 8 tokens: 3 places of the stream and of what is normalised with 2 numbers,
        // 12 C and 1 head in the layer, 6 C of gradients; and 8 rows of logits.
        assertThat(adamW.workspace())
                .isEqualTo(FLOAT * (8 * (3 * (128 + 2) + 768 + 1 + 384) + 8 * 8192));
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
                                + 32_000_000);
    }
}

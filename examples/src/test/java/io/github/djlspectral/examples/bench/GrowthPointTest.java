package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.djlspectral.layers.gpt.Gpt2Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GrowthPointTest {

    @ParameterizedTest
    @CsvSource({
        "width=768, 768, 2, 4, 256",
        "depth=12, 512, 12, 4, 256",
        "batch=1, 512, 2, 1, 256",
        "context=64, 512, 2, 4, 64"
    })
    void changesOneAxis(String text, int width, int depth, int batch, int context) {
        assertThat(GrowthPoint.parse(text))
                .isEqualTo(new GrowthPoint(width, depth, batch, context));
    }

    @Test
    void hasAHeadForEach64() {
        assertThat(GrowthPoint.parse("width=1600").config())
                .isEqualTo(new Gpt2Config(8192, 256, 2, 25, 1600, 0, true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"width=0", "width=-1", "heads=2", "width", "width=768,depth=2", ""})
    void refusesAnythingElse(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GrowthPoint.parse(text))
                .withMessageContaining("such as width=768, not " + text);
    }
}

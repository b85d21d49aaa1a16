package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import io.github.djlspectral.torch.Bfloat16;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecisionTest {

    private final String before = System.getProperty(Bfloat16.PROPERTY);

    @AfterEach
    void restore() {
        choose(before);
    }

    @ParameterizedTest
    @CsvSource({"native, BFLOAT16", "rounded, ROUNDED"})
    void theWayToMultiplyBfloat16CanBeChosen(String name, ProductFormat format) {
        choose(name);
        assertThat(Bfloat16.onCpu()).isEqualTo(name);
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.cpu())).isEqualTo(format);
        assertThat(ProductFormat.of(Precision.FLOAT32, Device.cpu()))
                .isEqualTo(ProductFormat.EXACT);
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.gpu()))
                .isEqualTo(ProductFormat.BFLOAT16);
    }

    @Test
    void withoutAChoiceTheFirstMeasurementDecides() {
        choose(null);
        String measured = Bfloat16.onCpu();
        assertThat(measured).isIn("native", "rounded");
        choose(measured.equals("native") ? "rounded" : "native");
        assertThat(Bfloat16.onCpu()).isNotEqualTo(measured);
        choose(null);
        assertThat(Bfloat16.onCpu()).isEqualTo(measured);
    }

    @Test
    void aWrongChoiceIsNamedEachTime() {
        choose("fast");
        for (int i = 0; i < 2; i++) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> ProductFormat.of(Precision.BFLOAT16, Device.cpu()))
                    .withMessage(
                            "The system property djlspectral.bfloat16 must be native or rounded,"
                                    + " got fast");
        }
        assertThatIllegalArgumentException().isThrownBy(Bfloat16::onCpu);
        choose("rounded");
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.cpu()))
                .isEqualTo(ProductFormat.ROUNDED);
    }

    private static void choose(String value) {
        if (value == null) {
            System.clearProperty(Bfloat16.PROPERTY);
        } else {
            System.setProperty(Bfloat16.PROPERTY, value);
        }
    }
}

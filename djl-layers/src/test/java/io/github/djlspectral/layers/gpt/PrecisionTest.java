package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecisionTest {

    private final String before = System.getProperty(Precision.BFLOAT16_PROPERTY);

    @AfterEach
    void restore() {
        choose(before);
    }

    @ParameterizedTest
    @CsvSource({"native, BFLOAT16", "rounded, ROUNDED"})
    void theWayToMultiplyBfloat16CanBeChosen(String name, ProductFormat format) {
        choose(name);
        assertThat(Precision.bfloat16Products()).isEqualTo(name);
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.cpu())).isEqualTo(format);
        assertThat(ProductFormat.of(Precision.FLOAT32, Device.cpu()))
                .isEqualTo(ProductFormat.EXACT);
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.gpu()))
                .isEqualTo(ProductFormat.BFLOAT16);
    }

    @Test
    void withoutAChoiceTheFirstMeasurementDecides() {
        choose(null);
        String measured = Precision.bfloat16Products();
        assertThat(measured).isIn("native", "rounded");
        choose(measured.equals("native") ? "rounded" : "native");
        assertThat(Precision.bfloat16Products()).isNotEqualTo(measured);
        choose(null);
        assertThat(Precision.bfloat16Products()).isEqualTo(measured);
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
        assertThatIllegalArgumentException().isThrownBy(Precision::bfloat16Products);
        choose("rounded");
        assertThat(ProductFormat.of(Precision.BFLOAT16, Device.cpu()))
                .isEqualTo(ProductFormat.ROUNDED);
    }

    private static void choose(String value) {
        if (value == null) {
            System.clearProperty(Precision.BFLOAT16_PROPERTY);
        } else {
            System.setProperty(Precision.BFLOAT16_PROPERTY, value);
        }
    }
}

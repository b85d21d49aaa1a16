package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class BadInputExceptionTest {

    /** The tests run in a locale that writes other digits. */
    @Test
    void refusesInDigitsThatEverybodyReads() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BadInputException.unless(false, "--a is %d, --b %.1f", 12, 3.25))
                .isInstanceOf(BadInputException.class)
                .withMessage("--a is 12, --b 3.3");
        assertThatCode(() -> BadInputException.unless(true, "--a is %s", 1))
                .doesNotThrowAnyException();
    }
}

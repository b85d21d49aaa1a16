package io.github.djlspectral.examples.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KitTest {

    private static final double[] WIDTHS = {256, 512, 768, 1024, 1600};

    @Test
    void findsAnExactLaw() {
        PowerLaw fit = PowerLaw.fit(WIDTHS, law(1.7, 3e-6));
        assertThat(fit.exponent()).isCloseTo(1.7, within(1e-12));
        assertThat(fit.margin()).isLessThan(1e-6);
        assertThat(fit.at(768)).isCloseTo(3e-6 * Math.pow(768, 1.7), within(1e-15));
    }

    @Test
    void marginOfANoisyLawHoldsTheExponentNineteenTimesInTwenty() {
        Random random = new Random(1);
        int trials = 4000;
        int held = 0;
        for (int i = 0; i < trials; i++) {
            double[] y = law(1, 1);
            for (int j = 0; j < y.length; j++) {
                y[j] *= Math.exp(0.05 * random.nextGaussian());
            }
            PowerLaw fit = PowerLaw.fit(WIDTHS, y);
            held += Math.abs(fit.exponent() - 1) <= fit.margin() ? 1 : 0;
        }
        // three standard deviations of a share of 0.95 in 4000 trials are 0.010
        assertThat((double) held / trials).isCloseTo(0.95, within(0.011));
    }

    /** Exponents -1 and 1 about the middle: the least squares take their mean. */
    @Test
    void aKinkGetsTheMeanExponent() {
        PowerLaw fit = PowerLaw.fit(new double[] {1, 10, 100}, new double[] {10, 1, 10});
        assertThat(fit.exponent()).isCloseTo(0, within(1e-14));
    }

    @Test
    void twoPointsHaveNoMargin() {
        PowerLaw fit = PowerLaw.fit(new double[] {1, 4}, new double[] {3, 6});
        assertThat(fit.exponent()).isCloseTo(0.5, within(1e-12));
        assertThat(fit.margin()).isNaN();
    }

    private static double[] law(double exponent, double factor) {
        return Arrays.stream(WIDTHS).map(x -> factor * Math.pow(x, exponent)).toArray();
    }

    @Test
    void timeLeftIsInProportionToWhatIsLeft() {
        Eta eta = new Eta(4);
        assertThat(eta.left()).isEqualTo("0:00 min");
        assertThat(eta.tick()).matches("\\[1/4\\] ETA 0:0\\d min");
        eta.add(3);
        assertThat(eta.percent()).isEqualTo(100);
        assertThat(eta.left()).isEqualTo("0:00 min");
        assertThat(eta.due(0)).isTrue();
        assertThat(eta.due(1000)).isFalse();
    }

    @TempDir private Path folder;

    private record Outcome(double loss, double[] curve) {}

    @Test
    void resultsComeBackBitForBitAndOfTheSameSettingsOnly() {
        Finished<Outcome> finished = new Finished<>(folder.resolve("runs"), Outcome.class);
        assertThat(finished.find("a", "seed 1")).isEmpty();
        assertThat(finished.all(null)).isEmpty();
        finished.write("a", "seed 1", new Outcome(0.1 + 0.2, new double[] {1e-300, Double.NaN}));
        assertThat(finished.has("a")).isTrue();
        Outcome back = finished.find("a", "seed 1").orElseThrow();
        assertThat(back.loss()).isEqualTo(0.1 + 0.2);
        assertThat(back.curve()).containsExactly(1e-300, Double.NaN);
        assertThat(finished.all("seed 1")).hasSize(1);
        assertThatThrownBy(() -> finished.find("a", "seed 2"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("a.json", "seed 1", "seed 2", "--out");
        assertThatThrownBy(() -> finished.all("seed 2")).hasMessageContaining("seed 1");
    }

    @Test
    void aDamagedFileIsNamed() throws IOException {
        Finished<Outcome> finished = new Finished<>(folder, Outcome.class);
        for (String text : new String[] {"", "{\"of\": \"x\"", "{}", "{\"of\": \"x\"}", "[]"}) {
            Files.writeString(folder.resolve("b.json"), text);
            assertThatThrownBy(() -> finished.find("b", "x"))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContainingAll("b.json", "damaged");
        }
    }

    @Test
    void aTableIsWrittenForPeopleAndForPrograms() {
        Table table = new Table("name", "empty", "x").add("a|b", "", 0.1).add("c, \"d\"", "", 1e-9);
        assertThat(table.markdown())
                .containsExactly(
                        "| name | x |", "|---|---|", "| a\\|b | 0.1 |", "| c, \"d\" | 1.0E-9 |");
        assertThat(table.csv())
                .containsExactly("name,empty,x", "a|b,,0.1", "\"c, \"\"d\"\"\",,1.0E-9");
        assertThatThrownBy(() -> table.add("short")).hasMessageContaining("name");
    }
}

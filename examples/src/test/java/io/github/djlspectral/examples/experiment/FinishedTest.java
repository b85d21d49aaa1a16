package io.github.djlspectral.examples.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FinishedTest {

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

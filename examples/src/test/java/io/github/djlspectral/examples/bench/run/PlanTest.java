package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no shell to play Python")
class PlanTest {

    @TempDir private Path directory;

    @Test
    void rivalsAreNeighbours() throws IOException {
        assertThat(names(Suite.ROUTES, "tiny"))
                .containsExactly(
                        "routes, tiny 20: failure",
                        "routes, tiny 20: nap of milli seconds",
                        "routes, tiny 20: Python",
                        "routes, tiny 30: failure",
                        "routes, tiny 30: nap of milli seconds");
    }

    @Test
    void aMethodsNameTakesItsRivalsInPythonToo() throws IOException {
        assertThat(names(Suite.ROUTES, "TinyBenchmark.nap"))
                .containsExactly(
                        "routes, tiny 20: nap of milli seconds",
                        "routes, tiny 20: Python",
                        "routes, tiny 30: nap of milli seconds");
    }

    @Test
    void aContendersNameTakesItAlone() throws IOException {
        assertThat(names(Suite.ROUTES, "tiny 20: Pyth")).containsExactly("routes, tiny 20: Python");
        assertThat(names(Suite.LAYERS, "TinyBenchmark"))
                .containsExactly("layers, other 20: none", "layers, other 30: none");
    }

    @Test
    void nothingIsBadInput() {
        assertThatThrownBy(() -> names(Suite.LAYERS, "nap"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--only is nap, which nothing in --suite [layers] has");
    }

    private List<String> names(Suite suite, String only) throws IOException {
        Path python = directory.resolve("python");
        Files.writeString(
                python,
                """
                #!/bin/sh
                echo '{"torch": "2.13"}'
                echo '{"suite": "routes", "subject": "tiny 20", "contender": "Python"}'
                """);
        assertThat(python.toFile().setExecutable(true)).isTrue();
        Plan.Choice choice =
                new Plan.Choice(
                        List.of(suite), Pattern.compile(only), false, null, python.toString());
        try (Plan plan = new Plan(choice, new PrintStream(OutputStream.nullOutputStream()))) {
            return plan.contestants().stream().map(c -> c.key().toString()).toList();
        }
    }
}

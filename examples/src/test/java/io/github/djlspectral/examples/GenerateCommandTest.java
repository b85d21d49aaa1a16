package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.train.TestText;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {

    @TempDir private Path directory;

    @BeforeEach
    void train() throws IOException {
        Path text = TestText.write(directory);
        List<String> arguments = new ArrayList<>(List.of("train"));
        arguments.addAll(List.of(TestText.options(text, directory.resolve("run"), "--steps=4")));
        output(arguments.toArray(String[]::new));
    }

    @Test
    void textsOfOneCallAreThoseOfTheirSeeds() {
        String both = generate("--seed=5", "--count=2");
        assertThat(both)
                .isEqualTo(
                        "===== seed 5 =====\n"
                                + generate("--seed=5")
                                + "===== seed 6 =====\n"
                                + generate("--seed=6"));
        assertThat(generate("--seed=5")).isNotEqualTo(generate("--seed=6"));
    }

    @Test
    void aStopEndsTheText() {
        String text = generate("--seed=5");
        String stop = text.substring(12, 14);
        assertThat(generate("--seed=5", "--stop=" + stop, "--stop=never"))
                .isEqualTo(text.substring(0, text.indexOf(stop, 2)) + "\n");
    }

    private String generate(String... more) {
        List<String> arguments = new ArrayList<>(List.of("generate", "--prompt=qz"));
        arguments.addAll(List.of("--tokens=30", "--run=" + directory.resolve("run")));
        arguments.addAll(List.of(more));
        return output(arguments.toArray(String[]::new));
    }

    private static String output(String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            assertThat(Main.commandLine().execute(arguments)).isZero();
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }
}

package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.gpt.TestText;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {

    @TempDir private Path directory;

    @BeforeEach
    void train() throws IOException {
        Path text = TestText.write(directory);
        Files.writeString(text, "-h @\n" + Files.readString(text)); // letters of prompts below
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

    @Test
    void aPromptMayLookLikeAnOptionOrAFile() {
        assertThat(generate("--prompt=-h")).startsWith("-h");
        assertThat(generate("--prompt=@q")).startsWith("@q");
    }

    @Test
    void aPromptComesFromStandardInputAsItIs() {
        InputStream before = System.in;
        String prompt = "qz\n";
        System.setIn(new ByteArrayInputStream(prompt.getBytes(StandardCharsets.UTF_8)));
        try {
            assertThat(generate("--prompt=-")).isEqualTo(generate("--prompt=" + prompt));
        } finally {
            System.setIn(before);
        }
    }

    @Test
    void generationEndsWhenNobodyReads() {
        PrintStream before = System.out;
        AtomicInteger writes = new AtomicInteger();
        OutputStream closed =
                new OutputStream() {
                    @Override
                    public void write(int b) throws IOException {
                        writes.incrementAndGet();
                        throw new IOException("Broken pipe");
                    }
                };
        StringWriter errors = new StringWriter();
        System.setOut(new PrintStream(closed, true, StandardCharsets.UTF_8));
        try {
            int code =
                    Main.commandLine()
                            .setErr(new PrintWriter(errors))
                            .execute("generate", "--tokens=9", "--run=" + directory.resolve("run"));
            assertThat(code).isEqualTo(2);
        } finally {
            System.setOut(before);
        }
        assertThat(writes).hasValue(1);
        assertThat(errors.toString()).contains("Standard output").hasLineCount(1);
    }

    private String generate(String... more) {
        List<String> arguments = new ArrayList<>(List.of("generate"));
        if (List.of(more).stream().noneMatch(option -> option.startsWith("--prompt"))) {
            arguments.add("--prompt=qz");
        }
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

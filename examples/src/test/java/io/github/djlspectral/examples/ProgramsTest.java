package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.djlspectral.zoo.EmptyCache;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The three programs to read, as they are run. */
class ProgramsTest {

    private static final Path SOURCES = Path.of("src/main/java/io/github/djlspectral/examples");
    private static final List<String> PROGRAMS = List.of("DropInMuon", "TrainGpt2", "LoadFromZoo");

    private static final String VERSION = System.getProperty("project.version");

    @TempDir private Path folder;

    private interface Program {
        void main(String[] arguments) throws Exception;
    }

    private static String output(Program program, Object... arguments) throws Exception {
        PrintStream console = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            program.main(List.of(arguments).stream().map(Object::toString).toArray(String[]::new));
        } finally {
            System.setOut(console);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static List<Double> numbers(String after, String output) {
        return Pattern.compile(after + " ([0-9.]+)")
                .matcher(output)
                .results()
                .map(result -> Double.valueOf(result.group(1)))
                .toList();
    }

    @Test
    void muonLearnsSpiralsInsteadOfAdam() throws Exception {
        Path csv = Path.of(ProgramsTest.class.getResource("spirals.csv").toURI());
        String output = output(DropInMuon::main, csv, 30);
        assertThat(numbers("validation accuracy", output).get(0)).isGreaterThan(0.9);
        assertThat(output).contains("spectral: Muon", "03Linear_weight");
    }

    @Test
    void whatWasTrainedIsFoundInTheZoo() throws Exception {
        Path text = folder.resolve("text.txt");
        Files.writeString(text, "the cat sat on the mat. ".repeat(100));
        String training = output(TrainGpt2::main, text, 40, folder.resolve("zoo"));
        List<Double> losses = numbers("validation loss", training);
        assertThat(losses.get(0)).isGreaterThan(1.5);
        assertThat(losses.get(losses.size() - 1)).isLessThan(0.5);
        assertThat(training).contains("the cat sat");
        try (EmptyCache cache = EmptyCache.in(folder.resolve("cache"))) {
            assertThat(cache).isNotNull();
            String loaded = output(LoadFromZoo::main, folder.resolve("zoo"), "the c");
            assertThat(loaded).startsWith("the cat sat").hasSizeGreaterThan(200);
        }
    }

    @Test
    void missingArgumentsAreNamed() {
        for (Program program : List.<Program>of(DropInMuon::main, TrainGpt2::main)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> program.main(new String[0]))
                    .withMessageStartingWith("Give a ");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LoadFromZoo.main(new String[0]))
                .withMessageStartingWith("Give the zoo's folder");
    }

    /** JBang takes what a program needs from its first lines; the laboratory is not among it. */
    @Test
    void programsNeedTheLibrariesOnly() throws Exception {
        for (String program : PROGRAMS) {
            String source = Files.readString(SOURCES.resolve(program + ".java"));
            assertThat(source)
                    .startsWith("///usr/bin/env jbang \"$0\" \"$@\" ; exit $?\n//JAVA 17+\n")
                    .contains("//DEPS io.github.djlspectral:djl-spectral:" + VERSION + "@pom\n")
                    .doesNotContain("import io.github.djlspectral.examples");
        }
    }
}

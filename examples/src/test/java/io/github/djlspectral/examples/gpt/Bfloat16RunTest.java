package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A process multiplies bfloat16 numbers in one of two ways, and each may choose another. */
class Bfloat16RunTest {

    private static final String CONFIG = "config.json";

    private final String before = System.getProperty(Bfloat16.PROPERTY);

    @TempDir private Path directory;
    private Path text;
    private Path run;

    @BeforeEach
    void setUp() throws IOException {
        text = TestText.write(directory);
        run = directory.resolve("run");
    }

    @AfterEach
    void restore() {
        choose(before);
    }

    /** One of the two is not what this process would choose. */
    @ParameterizedTest
    @ValueSource(strings = {"native", "rounded"})
    void resumesBitForBitInTheArithmeticInWhichItBegan(String products) throws IOException {
        choose(products);
        Path whole = directory.resolve("whole");
        train(whole);
        train(run);
        Runs.deleteCheckpoint(run, 12);
        choose(null);
        train(run, "--resume");
        Runs.assertSame(whole, run, 12);
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isEqualTo(products);
    }

    @Test
    void theUsersChoiceStays() {
        choose("rounded");
        train(run, "--steps=4");
        choose("native");
        train(run, "--steps=5", "--resume");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isEqualTo("native");
        assertThat(config().bfloat16()).isEqualTo("rounded");
    }

    @Test
    void aRunThatDoesNotKnowResumesAsThisProcessChooses() throws IOException {
        choose(null);
        train(run, "--steps=4");
        String json = Files.readString(run.resolve(CONFIG));
        String older = json.replaceFirst(",\\s*\"bfloat16\": \"\\w+\"", "");
        assertThat(older).isNotEqualTo(json);
        Files.writeString(run.resolve(CONFIG), older);
        assertThat(config().bfloat16()).isNull();
        train(run, "--steps=5", "--resume");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isNull();
        assertThat(Metrics.read(run.resolve("metrics.csv"), 5)).hasSize(6);
    }

    @Test
    void inFloat32NothingIsChosen() {
        train(run, "--steps=1", "--precision=float32");
        assertThat(config().bfloat16()).isNull();
    }

    private RunDirectory.Config config() {
        return new RunDirectory(run).config();
    }

    private void train(Path out, String... more) {
        String[] options = new String[more.length + 1];
        options[0] = "--precision=bfloat16";
        System.arraycopy(more, 0, options, 1, more.length); // where the same one wins
        Runs.train(directory, TestText.options(text, out, options));
    }

    private static void choose(String products) {
        if (products == null) {
            System.clearProperty(Bfloat16.PROPERTY);
        } else {
            System.setProperty(Bfloat16.PROPERTY, products);
        }
    }
}

package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A process multiplies bfloat16 numbers in one of two ways, and each may choose another. */
class Bfloat16RunTest extends Runs {

    private static final String BFLOAT16 = "--precision=bfloat16";

    private final String before = System.getProperty(Bfloat16.PROPERTY);

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
        train(whole, BFLOAT16);
        train(run, BFLOAT16);
        deleteCheckpoint(run, 12);
        choose(null);
        resume(run);
        assertSame(whole, run, 12);
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isEqualTo(products);
    }

    @Test
    void theUsersChoiceStays() {
        choose("rounded");
        train(run, BFLOAT16, "--steps=4");
        choose("native");
        train(run, BFLOAT16, "--steps=5", "--resume");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isEqualTo("native");
        assertThat(new RunDirectory(run).config().bfloat16()).isEqualTo("rounded");
    }

    @Test
    void aRunThatDoesNotKnowResumesAsThisProcessChooses() throws IOException {
        choose(null);
        train(run, BFLOAT16, "--steps=4");
        Path config = run.resolve("config.json");
        String json = Files.readString(config);
        String older = json.replaceFirst(",\\s*\"bfloat16\": \"\\w+\"", "");
        assertThat(older).isNotEqualTo(json);
        Files.writeString(config, older);
        train(run, BFLOAT16, "--steps=5", "--resume");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isNull();
        assertThat(rows(run)).hasSize(6);
    }

    /** Muon's map uses such products too. */
    @Test
    void inFloat32TheChoiceIsKeptToo() throws IOException {
        choose("native");
        train(run, "--steps=4");
        assertThat(new RunDirectory(run).config().bfloat16()).isEqualTo("native");
        Path config = run.resolve("config.json");
        String older = Files.readString(config).replaceFirst(",\\s*\"bfloat16\": \"\\w+\"", "");
        Files.writeString(config, older);
        choose(null);
        train(run, "--steps=5", "--resume");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).isEqualTo("rounded");
    }

    private static void choose(String products) {
        if (products == null) {
            System.clearProperty(Bfloat16.PROPERTY);
        } else {
            System.setProperty(Bfloat16.PROPERTY, products);
        }
    }
}

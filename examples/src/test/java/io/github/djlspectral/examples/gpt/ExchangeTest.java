package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.hf.ReferenceCheckpoints;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models in and out: import, export and training from either. */
class ExchangeTest extends Runs {

    private static final String MODEL = "model.safetensors";

    private Path exported;
    private Path imported;

    @BeforeEach
    void setUp() {
        exported = directory.resolve("exported");
        imported = directory.resolve("imported");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--bias=true", "--bias=false"})
    void exportAndImportChangeNoBit(String bias) throws IOException {
        train(run, bias, "--steps=4");
        export(null);
        Exchange.importRun(exported, imported, stream());
        Safetensors before = Safetensors.open(checkpoint(run, 4).resolve(MODEL));
        Safetensors after = Safetensors.open(checkpoint(imported, 0).resolve(MODEL));
        assertThat(after.names()).containsExactlyElementsOf(before.names());
        for (String name : before.names()) {
            assertThat(after.read(name)).as(name).isEqualTo(before.read(name));
        }
        assertThat(new RunDirectory(imported).config().model())
                .isEqualTo(new RunDirectory(run).config().model());
        assertThat(imported.resolve("tokenizer.json"))
                .hasSameBinaryContentAs(run.resolve("tokenizer.json"));
        assertThat(evaluate(imported)).isEqualTo(evaluate(run));
        assertThat(generate(imported)).isEqualTo(generate(run));
        Path again = directory.resolve("again");
        Exchange.exportRun(imported, null, again, DataType.FLOAT32, stream());
        assertThat(again.resolve(MODEL)).hasSameBinaryContentAs(exported.resolve(MODEL));
    }

    @ParameterizedTest
    @CsvSource({"FLOAT16, 0.5", "BFLOAT16, 0.5", "FLOAT32, 1"})
    void shorterFormatsTakeHalfTheRoom(DataType type, double share) throws IOException {
        train(run, "--steps=1");
        Exchange.exportRun(run, null, exported, type, stream());
        Safetensors file = Safetensors.open(exported.resolve(MODEL));
        assertThat(file.type("transformer.wte.weight")).isEqualTo(type.asSafetensors());
        long numbers = file.names().stream().mapToLong(name -> file.shape(name).size()).sum();
        assertThat((double) Files.size(exported.resolve(MODEL)))
                .isBetween(numbers * 4 * share, numbers * 4 * share + 4000);
        Exchange.importRun(exported, imported, stream());
        // bfloat16 rounds weights by up to 2^-9
        assertThat(evaluate(imported).loss()).isCloseTo(evaluate(run).loss(), within(0.01));
    }

    @Test
    void anImportedModelHasNoDataAndNoPast() {
        Exchange.importRun(
                ReferenceCheckpoints.copy("bf16", directory.resolve("hf")), imported, stream());
        assertThat(output())
                .contains("2 layers, 3 heads, width 12, context 10", "not used: score.weight");
        try (SavedRun saved = SavedRun.open(imported, "cpu", null)) {
            assertThat(saved.description()).contains("step 0", "other data (imported from");
            assertThat(saved.card())
                    .containsEntry("data", "trained elsewhere and imported")
                    .containsEntry("djl", Engine.getDjlVersion())
                    .doesNotContainKeys("optimizer", "learningRate", "steps");
            assertRefused(() -> saved.evaluate(null, 0, loader()), "give --data");
        }
        assertThatThrownBy(() -> train(imported, "--resume"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("cannot be resumed; start a run from it with --init");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nothingIsLeftOfAnImportThatFails(boolean late) throws IOException {
        Path hf = ReferenceCheckpoints.copy("f32", directory.resolve("hf"));
        Path file = hf.resolve(MODEL);
        byte[] bytes = Files.readAllBytes(file);
        if (late) {
            Path config = hf.resolve("config.json");
            Files.writeString(
                    config, Files.readString(config).replace("\"n_ctx\": 10", "\"bias\": false"));
        } else {
            Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
        }
        assertRefused(
                () -> Exchange.importRun(hf, imported, stream()),
                late ? "values other than 0" : "was cut off");
        assertThat(names()).containsExactlyInAnyOrder("cycle.txt", "hf");
    }

    @Test
    void nothingIsLeftOfAnExportThatFails() throws IOException {
        train(run, "--steps=1");
        Path tokenizer = run.resolve("tokenizer.json");
        String characters = Files.readString(tokenizer);
        Files.delete(tokenizer);
        assertThatThrownBy(() -> export(null)).isInstanceOf(BadInputException.class);
        Files.writeString(tokenizer, characters);
        Files.writeString(exported, "in the way");
        assertThatThrownBy(() -> export(null))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("already exists");
        assertThat(names()).containsExactlyInAnyOrder("cycle.txt", "cache", "run", "exported");
        assertThat(exported).hasContent("in the way");
    }

    @Test
    void aDamagedNewestCheckpointIsSaidAndExportedOnlyIfAsked() throws IOException {
        train(run);
        Path model = checkpoint(run, 12).resolve(MODEL);
        byte[] bytes = Files.readAllBytes(model);
        bytes[bytes.length - 1] ^= 1;
        Files.write(model, bytes);
        PrintStream before = System.err;
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        System.setErr(new PrintStream(errors, true, StandardCharsets.UTF_8));
        try (SavedRun saved = SavedRun.open(run, "cpu", null)) {
            assertThat(saved.description()).contains("step 8");
        } finally {
            System.setErr(before);
        }
        assertThat(errors.toString(StandardCharsets.UTF_8))
                .contains("step-000012 is damaged")
                .hasLineCount(1);
        assertThatThrownBy(() -> SavedRun.openExactly(run, null))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("step-000012 is damaged")
                .hasMessageContaining("--step; there are [8, 12]");
        assertRefused(() -> export(null), "step-000012 is damaged");
        assertThatThrownBy(() -> export(7))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("no checkpoint of --step 7; there are [8, 12]");
        export(8);
        assertThat(exported.resolve(MODEL)).isNotEmptyFile();
    }

    @ParameterizedTest
    @CsvSource({"muon, true", "adamw, false"})
    void trainsOn(String optimizer, boolean fromHuggingFace) throws IOException {
        train(run, "--steps=12", "--dropout=0");
        export(null);
        Path from = fromHuggingFace ? exported : run;
        Path tuned = directory.resolve("tuned");
        String[] options = {"--optimizer=" + optimizer, "--lr=0.005", "--dropout=0"};
        tune(from, tuned, options);
        List<Metrics.Row> rows = rows(tuned);
        // The same batches; the mean of floats on the one side, of doubles on the other.
        assertThat(rows.get(0).validationLoss()).isEqualTo((float) evaluate(run).loss());
        assertThat(rows.get(12).validationLoss()).isLessThan(rows.get(0).validationLoss());
        assertThat(output()).contains("; starting from " + from);

        Path broken = directory.resolve("broken");
        tune(from, broken, options);
        deleteCheckpoint(broken, 12);
        if (!fromHuggingFace) { // begins again from the model
            deleteCheckpoint(broken, 8);
        }
        resume(broken);
        assertSame(tuned, broken, 12);
    }

    @ParameterizedTest
    @CsvSource({
        "--layers=3, --layers is 3",
        "--heads=4, --heads is 4",
        "--width=32, --width is 32",
        "--context=8, --context is 8",
        "--bias=false, --bias is false",
        "--tokenizer=bytes, --tokenizer is bytes"
    })
    void refusesAnotherShape(String option, String message) {
        train(run, "--steps=1");
        Path tuned = directory.resolve("tuned");
        assertRefused(() -> tune(run, tuned, option), message, "leave the option out");
        assertThat(tuned).doesNotExist();
    }

    /** As the Hub has them: rows for tokens that no tokenizer has. */
    @Test
    void aPaddedVocabularyStaysPadded() throws IOException {
        train(run, "--steps=1", "--vocab-size=64");
        Exchange.exportRun(run, null, exported, DataType.FLOAT64, stream());
        Path tuned = directory.resolve("tuned");
        tune(exported, tuned);
        assertThat(new RunDirectory(tuned).config().model().vocabSize()).isEqualTo(64);
        assertRefused(
                () -> tune(exported, directory.resolve("x"), "--vocab-size=65"),
                "--vocab-size is 65, but the model of --init");
        assertRefused(
                () -> train(directory.resolve("x"), "--steps=1", "--vocab-size=3"),
                "--vocab-size is 3, but must be 0 or at least the tokenizer's");
        assertThat(directory.resolve("x")).doesNotExist();
        Files.writeString(text, Files.readString(text).replace('q', 'Q'));
        assertRefused(() -> tune(run, directory.resolve("x")), "Character 'Q'");
    }

    /** Trains from a model, whose shape is not among the options unless given. */
    private void tune(Path from, Path out, String... more) {
        String shape = "--(tokenizer|layers|heads|width|context)=.*";
        List<String> given = List.of(more);
        List<String> options = new ArrayList<>(List.of(TestText.options(text, out, more)));
        options.removeIf(option -> option.matches(shape) && !given.contains(option));
        options.add("--init=" + from);
        command(options.toArray(String[]::new));
    }

    private void export(Integer step) {
        Exchange.exportRun(run, step, exported, DataType.FLOAT32, stream());
    }

    private SavedRun.Quality evaluate(Path directory) {
        try (SavedRun saved = SavedRun.open(directory, "cpu", null)) {
            return saved.evaluate(text.toString(), 2, loader());
        }
    }

    private static String generate(Path directory) {
        GenerationOptions options = new GenerationOptions().withMaxTokens(20);
        try (SavedRun saved = SavedRun.open(directory, "cpu", null)) {
            return saved.generator().generate("qzka", options, text -> {});
        }
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}

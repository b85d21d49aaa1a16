package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingTest {

    @TempDir private Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private Path text;
    private Path out;

    @BeforeEach
    void setUp() throws IOException {
        text = TestText.write(directory);
        out = directory.resolve("run");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "muon",
                "freon",
                "kaon",
                "truncated-sgd",
                "normuon",
                "sphere-muon",
                "soap",
                "adamw"
            })
    void learns(String optimizer) {
        train(out, "--optimizer=" + optimizer, "--steps=80", "--dropout=0", "--lr=0.02");
        List<Metrics.Row> rows = Metrics.read(out.resolve("metrics.csv"), 80);
        // At first the model knows nothing: ln 16 and a little for its random weights.
        assertThat(rows.get(0).validationLoss())
                .isCloseTo((float) TestText.UNIGRAM_ENTROPY, within(0.1f));
        // Half the entropy of single letters is out of reach without looking at the one before.
        assertThat(rows.get(80).validationLoss()).isLessThan((float) TestText.UNIGRAM_ENTROPY / 2);
    }

    @Test
    void writesTheFilesOfARun() throws IOException {
        train(out, "--sample-every=6");
        assertThat(Files.readString(out.resolve("config.json")))
                .contains("\"preset\": \"TINY\"", "\"width\": 16", "\"seed\": 1337")
                .contains(
                        "\"vocabSize\": 16",
                        "\"djl\": \"" + Engine.getDjlVersion() + "\"",
                        "\"dataChecksum\"");
        assertThat(out.resolve("loss.png")).isNotEmptyFile();
        assertThat(Files.readString(out.resolve("samples.txt")))
                .contains("===== step 6 =====", "===== step 12 =====");
        assertThat(out.resolve("checkpoints/step-000008")).isDirectory();
        assertThat(out.resolve("checkpoints/step-000012")).isDirectory();
        List<Metrics.Row> rows = Metrics.read(out.resolve("metrics.csv"), 12);
        assertThat(rows).extracting(Metrics.Row::step).startsWith(0, 1, 2).endsWith(11, 12);
        assertThat(rows.stream().filter(Metrics.Row::evaluated).map(Metrics.Row::step))
                .containsExactly(0, 5, 10, 12);
        assertThat(rows.get(12).tokens()).isEqualTo(12 * 4 * 2 * 16);
        assertThat(rows.get(12).norm()).isPositive();
        TrainingOptions options = TrainingOptions.of(TestText.options(text, out));
        assertThat(rows.get(12).rate()).isEqualTo(options.rate().getNewValue(12));
        assertThat(rows.get(11).rate()).isEqualTo(options.rate().getNewValue(11));
        assertThat(output.toString(StandardCharsets.UTF_8))
                .contains("parameters", "step 12/12", "ms/step", "tokens/s", "  lr ", "  gradient ")
                .doesNotContain("\033", "\r")
                .endsWith("All 12 steps done: " + out + System.lineSeparator());
    }

    @ParameterizedTest
    @EnumSource(OptimizerChoice.class)
    void resumesBitForBit(OptimizerChoice optimizer) throws IOException {
        String choice = "--optimizer=" + optimizer;
        train(out, choice);
        Path broken = directory.resolve("broken");
        train(broken, choice);
        // back to step 8, with rows and samples of later steps still in the files
        Runs.deleteCheckpoint(broken, 12);
        train(broken, choice, "--resume");
        Runs.assertSame(out, broken, 12);
        assertThat(output.toString(StandardCharsets.UTF_8)).contains("continuing after step 8");
    }

    @ParameterizedTest
    @CsvSource({
        "--weight-decay=0.25, --adamw-weight-decay=0.25, --adamw-weight-decay=0",
        "--warmup=4, --adamw-warmup=4, --adamw-warmup=0",
        "--momentum=0.9, --update-scale=spectral, --update-scale=match_rms"
    })
    void theRestFollowsUnlessToldOtherwise(String shared, String same, String other) {
        List<Float> losses = losses("shared", shared);
        assertThat(losses("same", shared, same)).isEqualTo(losses);
        assertThat(losses("other", shared, other)).isNotEqualTo(losses);
    }

    private List<Float> losses(String name, String... options) {
        Path run = directory.resolve(name);
        train(run, options);
        return Metrics.read(run.resolve("metrics.csv"), 12).stream()
                .map(Metrics.Row::trainLoss)
                .toList();
    }

    @Test
    void measuresSpectraWithoutDisturbingTheRunAndAcrossResume() throws IOException {
        train(out);
        Path measured = directory.resolve("measured");
        train(measured, "--spectrum-every=3");
        Runs.assertSame(out, measured, 12);
        assertThat(out.resolve("spectra.csv")).doesNotExist();
        List<UpdateSpectra> spectra = Spectra.read(measured.resolve("spectra.csv"), 12);
        // two layers of six hidden matrices, three of which share a parameter
        assertThat(spectra).extracting(UpdateSpectra::step).hasSize(4 * 12).contains(3, 6, 9, 12);
        assertThat(spectra)
                .allSatisfy(
                        s -> {
                            // polar: 1 within 0.02, all of rank 16
                            assertThat(s.update().largest()).isBetween(0.98, 1.02);
                            assertThat(s.update().stableRank()).isGreaterThan(14);
                            assertThat(s.momentum().stableRank())
                                    .isLessThan(s.update().stableRank());
                        });
        assertThat(measured.resolve("spectra.png")).isNotEmptyFile();

        byte[] whole = Files.readAllBytes(measured.resolve("spectra.csv"));
        Runs.deleteCheckpoint(measured, 12); // back to step 8, rows of 9 and 12 still there
        train(measured, "--resume");
        assertThat(measured.resolve("spectra.csv")).hasBinaryContent(whole);
        Runs.deleteCheckpoint(measured, 12);
        train(measured, "--resume", "--spectrum-every=10"); // may change on the way
        assertThat(Spectra.read(measured.resolve("spectra.csv"), 12))
                .extracting(UpdateSpectra::step)
                .containsOnly(3, 6, 10);
        Runs.assertSame(out, measured, 12);
    }

    @Test
    void beginsAgainWhenThereIsNoCheckpointYet() throws IOException {
        train(out);
        Path broken = directory.resolve("broken");
        train(broken);
        Runs.deleteCheckpoint(broken, 8);
        Runs.deleteCheckpoint(broken, 12);
        train(broken, "--resume");
        Runs.assertSame(out, broken, 12);
    }

    @Test
    void goesOnLonger() {
        train(out, "--steps=4", "--schedule=wsd", "--lr-end=1");
        train(out, "--steps=6", "--resume");
        assertThat(Metrics.read(out.resolve("metrics.csv"), 6)).hasSize(7);
    }

    @Test
    void anExtensionBelongsToTheRunAndSaysWhatHappensToTheRate() throws IOException {
        train(out, "--steps=8", "--schedule=cosine");
        output.reset();
        train(out, "--steps=12", "--resume");
        assertThat(output.toString(StandardCharsets.UTF_8))
                .contains("From step 9 on: --steps 12 instead of 8")
                .contains("a run of 12 steps from now on: the learning rate of step 9 is ");
        assertThat(Files.readString(out.resolve("config.json")))
                .contains("\"steps\": 12", "from step 9 on: --steps 12 instead of 8");
        Path whole = directory.resolve("whole");
        Files.move(out, whole);
        train(out, "--steps=8", "--schedule=cosine");
        train(out, "--steps=12", "--resume");
        Runs.deleteCheckpoint(out, 12); // stopped on the way
        resumeAsTold(out);
        Runs.assertSame(whole, out, 12);
    }

    /** As the message of a stopped run says. */
    private void resumeAsTold(Path run) {
        Runs.train(directory, output, "--resume", "--out=" + run);
    }

    @Test
    void resumesWithEqualDataInAnotherPlace() throws IOException {
        train(out, "--steps=4");
        Path moved = directory.resolve("moved.txt");
        Files.move(text, moved);
        assertThatThrownBy(() -> resumeAsTold(out))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(text.toString());
        train(out, "--steps=5", "--resume", "--data=" + moved);
        resumeAsTold(out); // knows the new place
        assertThat(Files.readString(out.resolve("config.json"))).contains(moved.toString());
    }

    @Test
    void whatAFullDiskLeftBlocksNothing() throws IOException {
        Files.createDirectories(out);
        Files.createFile(out.resolve("config.json"));
        assertThatThrownBy(() -> resumeAsTold(out))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("delete it to begin again");
        train(out, "--steps=2");
        assertThat(Metrics.read(out.resolve("metrics.csv"), 2)).hasSize(3);
    }

    @Test
    void twoWritersOfOneRunAreRefused() throws IOException {
        train(out, "--steps=2");
        try (AtomicFiles.Lock lock = AtomicFiles.lock(out)) {
            assertThat(lock).isNotNull();
            assertThatThrownBy(() -> train(out, "--steps=3", "--resume"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("Something else is writing to " + out);
            Path other = directory.resolve("other");
            Files.createDirectories(other);
            try (AtomicFiles.Lock begun = AtomicFiles.lock(other)) {
                assertThat(begun).isNotNull();
                assertThatThrownBy(() -> train(other, "--steps=1"))
                        .isInstanceOf(UncheckedIOException.class)
                        .hasMessageContaining("Something else is writing to " + other);
                assertThat(other.resolve("config.json")).doesNotExist();
            }
        }
        train(out, "--steps=3", "--resume");
    }

    @Test
    void aResumedRunMakesUpForWhatAStopLeftOut() throws IOException {
        String[] options = {"--eval-every=4", "--sample-every=4"};
        train(out, options);
        Path stopped = directory.resolve("stopped");
        train(stopped, options);
        Runs.deleteCheckpoint(stopped, 12); // back to step 8, without its validation and sample
        Path metrics = stopped.resolve("metrics.csv");
        String rows = Files.readString(metrics);
        String without = rows.replaceAll("(?m)^(8,[^,]*),[^,]+,", "$1,,");
        assertThat(without).isNotEqualTo(rows);
        Files.writeString(metrics, without);
        Path samples = stopped.resolve("samples.txt");
        String texts = Files.readString(samples);
        Files.writeString(samples, texts.substring(0, texts.indexOf("===== step 8")));
        train(stopped, "--resume", options[0], options[1]);
        Runs.assertSame(out, stopped, 12);
        assertThat(samples).hasContent(texts);
    }

    @Test
    void accumulationIsOneLargeBatch() {
        train(out, "--dropout=0", "--clip=0", "--steps=3");
        Path once = directory.resolve("once");
        train(once, "--dropout=0", "--clip=0", "--steps=3", "--batch=8", "--accumulate=1");
        List<Metrics.Row> twice = Metrics.read(out.resolve("metrics.csv"), 3);
        List<Metrics.Row> single = Metrics.read(once.resolve("metrics.csv"), 3);
        for (int step = 1; step <= 3; step++) {
            // float32 sums in another order
            assertThat(twice.get(step).trainLoss())
                    .isCloseTo(single.get(step).trainLoss(), within(1e-4f));
        }
    }

    @Test
    void skipsAsManyBatchesAsAllowedAndSaysSo() {
        // the second step's loss is not finite, nor is any after it
        String[] options = {"--lr=1e38", "--adamw-lr=1e38", "--warmup=0", "--skip-nonfinite=2"};
        assertThatThrownBy(() -> train(out, options)).isInstanceOf(TrainingDivergedException.class);
        assertThat(output.toString(StandardCharsets.UTF_8))
                .contains("Skipped a batch (1 of at most 2): ", "Skipped a batch (2 of at most 2)")
                .doesNotContain("(3 of");
    }

    @Test
    void theCountOfSkippedBatchesSurvivesAResume() throws IOException {
        train(out);
        Runs.deleteCheckpoint(out, 12);
        Path metrics = out.resolve("metrics.csv");
        assertThat(Metrics.read(metrics, 12)).extracting(Metrics.Row::skipped).containsOnly(0);
        List<Metrics.Row> plain = Metrics.read(metrics, 12);
        Files.writeString(metrics, Files.readString(metrics).replaceAll("(?m)^(8,.*),0$", "$1,1"));
        train(out, "--resume", "--skip-nonfinite=3"); // may change on the way
        List<Metrics.Row> rows = Metrics.read(metrics, 12).subList(9, 13);
        assertThat(rows).extracting(Metrics.Row::skipped).containsOnly(1);
        // with the batches of one step later
        assertThat(rows.get(0).trainLoss()).isNotEqualTo(plain.get(9).trainLoss());
    }

    @Test
    void refusesAUsedDirectory() {
        train(out, "--steps=1");
        assertThatThrownBy(() -> train(out))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("already has a run")
                .hasMessageContaining("--resume");
    }

    @Test
    void refusesToResumeOnOtherData() throws IOException {
        train(out, "--steps=4");
        Files.writeString(text, Files.readString(text).replace("qz", "zq"));
        assertThatThrownBy(() -> train(out, "--steps=4", "--resume"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("The data has changed");
    }

    @Test
    void refusesToResumeAnotherArchitecture() {
        train(out, "--steps=4");
        assertThatThrownBy(() -> train(out, "--steps=4", "--resume", "--width=32"))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith("--width is 32, but the run to resume has 16");
    }

    @Test
    void aTrainedModelIsMeasuredAndContinuesText() {
        train(out, "--steps=80", "--dropout=0", "--lr=0.02");
        try (SavedRun run = SavedRun.open(out, "cpu", null)) {
            SavedRun.Quality quality = run.evaluate(null, 0, Runs.loader(directory));
            assertThat(quality.perplexity()).isCloseTo(Math.exp(quality.loss()), within(1e-9));
            // one byte per character
            assertThat(quality.bitsPerByte()).isCloseTo(quality.loss() / Math.log(2), within(1e-9));
            assertThat(quality.loss()).isLessThan(TestText.UNIGRAM_ENTROPY / 2);
            assertThat(generate(run, 1)).isEqualTo(generate(run, 1)).hasSize(20);
        }
    }

    private static String generate(SavedRun run, long seed) {
        GenerationOptions options =
                new GenerationOptions().withMaxTokens(20).withTemperature(1).withSeed(seed);
        return run.generator().generate("qzka", options, piece -> {});
    }

    private void train(Path run, String... more) {
        Runs.train(directory, output, TestText.options(text, run, more));
    }
}

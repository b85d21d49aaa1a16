package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingTest extends Runs {

    private static final String SAVE_LAST = "--checkpoint-every=80";

    @ParameterizedTest
    @EnumSource(names = {"MUON", "KAON", "ADAMW"})
    void learns(OptimizerChoice optimizer) {
        train(run, "--optimizer=" + optimizer, "--steps=80", "--dropout=0", "--lr=0.02", SAVE_LAST);
        List<Metrics.Row> rows = rows(run);
        // At first the model knows nothing: ln 16 and a little for its random weights.
        assertThat(rows.get(0).validationLoss())
                .isCloseTo((float) TestText.UNIGRAM_ENTROPY, within(0.1f));
        // Half the entropy of single letters is out of reach without looking at the one before.
        assertThat(rows.get(80).validationLoss()).isLessThan((float) TestText.UNIGRAM_ENTROPY / 2);
    }

    @Test
    void writesTheFilesOfARun() throws IOException {
        train(run, "--sample-every=6");
        assertThat(Files.readString(run.resolve("config.json")))
                .contains("\"preset\": \"TINY\"", "\"width\": 16", "\"seed\": 1337")
                .contains(
                        "\"vocabSize\": 16",
                        "\"djl\": \"" + Engine.getDjlVersion() + "\"",
                        "\"dataChecksum\"");
        assertThat(run.resolve("loss.png")).isNotEmptyFile();
        assertThat(Files.readString(run.resolve("samples.txt")))
                .contains("===== step 6 =====", "===== step 12 =====");
        assertThat(run.resolve("checkpoints/step-000008")).isDirectory();
        assertThat(run.resolve("checkpoints/step-000012")).isDirectory();
        List<Metrics.Row> rows = rows(run);
        assertThat(rows).extracting(Metrics.Row::step).startsWith(0, 1, 2).endsWith(11, 12);
        assertThat(rows.stream().filter(Metrics.Row::evaluated).map(Metrics.Row::step))
                .containsExactly(0, 5, 10, 12);
        assertThat(rows.get(12).tokens()).isEqualTo(12 * 4 * 2 * 16);
        assertThat(rows.get(12).norm()).isPositive();
        TrainingOptions options = TrainingOptions.of(TestText.options(text, run));
        assertThat(rows.get(12).rate()).isEqualTo(options.rate().getNewValue(12));
        assertThat(rows.get(11).rate()).isEqualTo(options.rate().getNewValue(11));
        assertThat(output())
                .contains("parameters", "step 12/12", "ms/step", "tokens/s", "  lr ", "  gradient ")
                .doesNotContain("\033", "\r")
                .endsWith("All 12 steps done: " + run + System.lineSeparator());
    }

    @ParameterizedTest
    @EnumSource(OptimizerChoice.class)
    void resumesBitForBit(OptimizerChoice optimizer) throws IOException {
        String choice = "--optimizer=" + optimizer;
        train(run, choice);
        Path broken = directory.resolve("broken");
        train(broken, choice);
        // back to step 8, with rows and samples of later steps still in the files
        deleteCheckpoint(broken, 12);
        train(broken, choice, "--resume");
        assertSame(run, broken, 12);
        assertThat(output()).contains("continuing after step 8");
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
        return rows(run).stream().map(Metrics.Row::trainLoss).toList();
    }

    @Test
    void measuresSpectraWithoutDisturbingTheRunAndAcrossResume() throws IOException {
        train(run);
        Path measured = directory.resolve("measured");
        train(measured, "--spectrum-every=3");
        assertSame(run, measured, 12);
        assertThat(run.resolve("spectra.csv")).doesNotExist();
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
        deleteCheckpoint(measured, 12); // back to step 8, rows of 9 and 12 still there
        train(measured, "--resume");
        assertThat(measured.resolve("spectra.csv")).hasBinaryContent(whole);
        deleteCheckpoint(measured, 12);
        train(measured, "--resume", "--spectrum-every=10"); // may change on the way
        assertThat(Spectra.read(measured.resolve("spectra.csv"), 12))
                .extracting(UpdateSpectra::step)
                .containsOnly(3, 6, 10);
        assertSame(run, measured, 12);
    }

    @Test
    void beginsAgainWhenThereIsNoCheckpointYet() throws IOException {
        train(run);
        Path broken = directory.resolve("broken");
        train(broken);
        deleteCheckpoint(broken, 8);
        deleteCheckpoint(broken, 12);
        train(broken, "--resume");
        assertSame(run, broken, 12);
    }

    @Test
    void anExtensionBelongsToTheRunAndSaysWhatHappensToTheRate() throws IOException {
        train(run, "--steps=8", "--schedule=cosine");
        train(run, "--steps=12", "--resume");
        assertThat(output())
                .contains("From step 9 on: --steps 12 instead of 8")
                .contains("a run of 12 steps from now on: the learning rate of step 9 is ");
        assertThat(Files.readString(run.resolve("config.json")))
                .contains("\"steps\": 12", "from step 9 on: --steps 12 instead of 8");
        Path whole = directory.resolve("whole");
        Files.move(run, whole);
        train(run, "--steps=8", "--schedule=cosine");
        train(run, "--steps=12", "--resume");
        deleteCheckpoint(run, 12); // stopped on the way
        resume(run);
        assertSame(whole, run, 12);
    }

    @Test
    void resumesWithEqualDataInAnotherPlace() throws IOException {
        train(run, "--steps=4");
        Path moved = directory.resolve("moved.txt");
        Files.move(text, moved);
        assertRefused(() -> resume(run), text.toString());
        train(run, "--steps=5", "--resume", "--data=" + moved);
        resume(run); // knows the new place
        assertThat(Files.readString(run.resolve("config.json"))).contains(moved.toString());
    }

    @Test
    void stepsThatTakeLongOnceWarmTellWhatHelps() throws IOException {
        train(run, "--steps=4", "--eval-every=2");
        Path metrics = run.resolve("metrics.csv");
        List<String> lines = new ArrayList<>(Files.readAllLines(metrics));
        lines.set(2, lines.get(2).replaceFirst("[^,]+(,[^,]*)$", "1e12$1")); // tokens per second
        Files.write(metrics, lines);
        train(run, "--steps=12", "--eval-every=2", "--resume");
        assertThat(output())
                .containsOnlyOnce(" times as long as the fastest one. If others use these cores,")
                .containsSubsequence("step 6/12", "step 8/12", " times as long");
    }

    @Test
    void whatAFullDiskLeftBlocksNothing() throws IOException {
        Files.createDirectories(run);
        Files.createFile(run.resolve("config.json"));
        assertRefused(() -> resume(run), "delete it to begin again");
        train(run, "--steps=2");
        assertThat(rows(run)).hasSize(3);
    }

    @Test
    void twoWritersOfOneRunAreRefused() throws IOException {
        train(run, "--steps=2");
        try (AtomicFiles.Lock lock = AtomicFiles.lock(run)) {
            assertThat(lock).isNotNull();
            assertThatThrownBy(() -> train(run, "--steps=3", "--resume"))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("Something else is writing to " + run);
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
        train(run, "--steps=3", "--resume");
    }

    @Test
    void aResumedRunMakesUpForWhatAStopLeftOut() throws IOException {
        String[] options = {"--eval-every=4", "--sample-every=4"};
        train(run, options);
        Path stopped = directory.resolve("stopped");
        train(stopped, options);
        deleteCheckpoint(stopped, 12); // back to step 8, without its validation and sample
        Path metrics = stopped.resolve("metrics.csv");
        String rows = Files.readString(metrics);
        String without = rows.replaceAll("(?m)^(8,[^,]*),[^,]+,", "$1,,");
        assertThat(without).isNotEqualTo(rows);
        Files.writeString(metrics, without);
        Path samples = stopped.resolve("samples.txt");
        String texts = Files.readString(samples);
        Files.writeString(samples, texts.substring(0, texts.indexOf("===== step 8")));
        train(stopped, "--resume", options[0], options[1]);
        assertSame(run, stopped, 12);
        assertThat(samples).hasContent(texts);
    }

    @Test
    void accumulationIsOneLargeBatch() {
        train(run, "--dropout=0", "--clip=0", "--steps=3");
        Path once = directory.resolve("once");
        train(once, "--dropout=0", "--clip=0", "--steps=3", "--batch=8", "--accumulate=1");
        List<Metrics.Row> twice = rows(run);
        List<Metrics.Row> single = rows(once);
        for (int step = 1; step <= 3; step++) {
            // float32 sums in another order
            assertThat(twice.get(step).trainLoss())
                    .isCloseTo(single.get(step).trainLoss(), within(1e-4f));
        }
    }

    @Test
    void recomputationChangesNothingAndMayBeginAndEndOnTheWay() throws IOException {
        Path other = run.resolveSibling("recomputed");
        train(run, "--dropout=0.1");
        train(other, "--dropout=0.1", "--recompute");
        Path last = Path.of("checkpoints/step-000012/model.safetensors");
        assertThat(other.resolve(last)).hasSameBinaryContentAs(run.resolve(last));
        deleteCheckpoint(other, 12);
        train(other, "--resume", "--recompute=false");
        assertThat(other.resolve(last)).hasSameBinaryContentAs(run.resolve(last));
    }

    @Test
    void skipsAsManyBatchesAsAllowedAndSaysSo() {
        // the second step's loss is not finite, nor is any after it
        String[] options = {"--lr=1e38", "--adamw-lr=1e38", "--warmup=0", "--skip-nonfinite=2"};
        assertThatThrownBy(() -> train(run, options)).isInstanceOf(TrainingDivergedException.class);
        assertThat(output())
                .contains("Skipped a batch (1 of at most 2): ", "Skipped a batch (2 of at most 2)")
                .doesNotContain("(3 of");
    }

    @Test
    void theCountOfSkippedBatchesSurvivesAResume() throws IOException {
        train(run);
        deleteCheckpoint(run, 12);
        Path metrics = run.resolve("metrics.csv");
        assertThat(rows(run)).extracting(Metrics.Row::skipped).containsOnly(0);
        List<Metrics.Row> plain = rows(run);
        Files.writeString(metrics, Files.readString(metrics).replaceAll("(?m)^(8,.*),0$", "$1,1"));
        train(run, "--resume", "--skip-nonfinite=3"); // may change on the way
        List<Metrics.Row> rows = rows(run).subList(9, 13);
        assertThat(rows).extracting(Metrics.Row::skipped).containsOnly(1);
        // with the batches of one step later
        assertThat(rows.get(0).trainLoss()).isNotEqualTo(plain.get(9).trainLoss());
    }

    @Test
    void refusesAUsedDirectoryAndToResumeAnotherRun() throws IOException {
        train(run, "--steps=4");
        assertRefused(() -> train(run), "already has a run: add --resume");
        assertRefused(
                () -> train(run, "--steps=4", "--resume", "--width=32"),
                "--width is 32, but the run to resume has 16");
        Files.writeString(text, Files.readString(text).replace("qz", "zq"));
        assertRefused(() -> resume(run), "The data has changed");
    }

    @Test
    void aTrainedModelIsMeasuredAndContinuesText() {
        train(run, "--steps=80", "--dropout=0", "--lr=0.02", SAVE_LAST);
        try (SavedRun saved = SavedRun.open(run, "cpu", null)) {
            SavedRun.Quality quality = saved.evaluate(null, 0, loader());
            assertThat(quality.perplexity()).isCloseTo(Math.exp(quality.loss()), within(1e-9));
            // one byte per character
            assertThat(quality.bitsPerByte()).isCloseTo(quality.loss() / Math.log(2), within(1e-9));
            assertThat(quality.loss()).isLessThan(TestText.UNIGRAM_ENTROPY / 2);
            assertThat(generate(saved)).isEqualTo(generate(saved)).hasSize(20);
        }
    }

    private static String generate(SavedRun saved) {
        GenerationOptions options =
                new GenerationOptions().withMaxTokens(20).withTemperature(1).withSeed(1);
        return saved.generator().generate("qzka", options, piece -> {});
    }
}

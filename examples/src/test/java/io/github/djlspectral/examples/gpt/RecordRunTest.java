package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.text.TokenBatches;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Runs on records whose prompts are masked. */
class RecordRunTest extends Runs {

    private Path records;

    /** The completion repeats the prompt's letter, once to fifteen times, or not at all. */
    @BeforeEach
    void writeRecords() throws IOException {
        records = directory.resolve("records.jsonl");
        String lines =
                IntStream.range(0, 200)
                        .mapToObj(RecordRunTest::line)
                        .collect(Collectors.joining("\n", "", "\n"));
        Files.writeString(records, lines);
    }

    private static String line(int i) {
        String letter = Character.toString('a' + i * 7 % 13);
        String more = letter.repeat(i % 5 == 0 ? 15 : i % 3);
        String prompt = "xyz".substring(i % 3) + letter + ":";
        return "{\"completion\": \"%s\", \"prompt\": \"%s\"}".formatted(more, prompt);
    }

    private void trainRecords(Path out, String... more) {
        text = records;
        train(out, more);
    }

    private TrainingOptions options(String... more) {
        return TrainingOptions.of(TestText.options(records, run, more));
    }

    @Test
    void resumesBitForBit() throws IOException {
        trainRecords(run, "--tokenizer=bytes");
        Path broken = directory.resolve("broken");
        trainRecords(broken, "--tokenizer=bytes");
        deleteCheckpoint(broken, 12);
        resume(broken);
        assertSame(run, broken, 12);
    }

    @Test
    void resumingFindsThatOnlyTheMaskHasChanged() throws IOException {
        trainRecords(run, "--steps=2", "--tokenizer=bytes");
        String before = Files.readString(records);
        // the prompt's last character is learned now
        String after = before.replaceFirst("(\"completion\": \")(.*):\"", "$1:$2\"");
        assertThat(after).isNotEqualTo(before);
        Files.writeString(records, after);
        assertRefused(() -> resume(run), "The data has changed");
        Files.writeString(records, before);
        resume(run);
    }

    @Test
    void batchesOfAStepWeighByWhatIsLearnedInThem() {
        String[] once = {"--batch=8", "--accumulate=1", "--dropout=0", "--clip=0"};
        String[] apart = {"--batch=1", "--accumulate=8", "--dropout=0", "--clip=0"};
        TrainingOptions options = options(once);
        TrainingOptions parts = options(apart);
        try (Corpus corpus = loader().load(options.data, options.tokenizer);
                TrainingRun large = new TrainingRun(options, corpus, null, null, 0);
                TrainingRun small = new TrainingRun(parts, corpus, null, null, 0)) {
            TokenBatches single = TokenBatches.random(corpus.train(), 1, 16, options.seed);
            assertThat(IntStream.range(0, 8).mapToLong(single::learned).distinct().count())
                    .isGreaterThan(2);
            large.addGradients(1);
            small.addGradients(1);
            for (Parameter parameter : large.block().getParameters().values()) {
                Parameter other = small.block().getParameters().get(parameter.getName());
                try (NDArray expected = parameter.getArray().getGradient();
                        NDArray actual = other.getArray().getGradient()) {
                    float scale = expected.abs().max().getFloat();
                    float error = actual.sub(expected).abs().max().getFloat();
                    assertThat(error).isLessThanOrEqualTo(2e-5f * scale);
                }
            }
            for (int step = 2; step <= 4; step++) {
                float loss = large.step(() -> false).loss();
                assertThat(small.step(() -> false).loss()).isCloseTo(loss, within(1e-4f));
            }
        }
    }

    @Test
    void validationWeighsBatchesByWhatIsLearnedInThem() {
        TrainingOptions options = options("--steps=40", "--lr=0.02");
        try (Corpus corpus = loader().load(options.data, options.tokenizer);
                TrainingRun run = new TrainingRun(options, corpus, null, null, 0)) {
            for (int i = 0; i < 20; i++) {
                run.step(() -> false);
            }
            TrainingRun.Evaluation single = evaluate(run, corpus, 1);
            TrainingRun.Evaluation large = evaluate(run, corpus, 64);
            assertThat(single.loss()).isCloseTo(large.loss(), within(1e-5));
            // completions of the last 20 records, and their ends
            long learned =
                    IntStream.range(180, 200).mapToLong(i -> (i % 5 == 0 ? 15 : i % 3) + 1).sum();
            assertThat(single.tokens()).isEqualTo(large.tokens()).isEqualTo(learned);
        }
    }

    private static TrainingRun.Evaluation evaluate(TrainingRun run, Corpus corpus, int batch) {
        TokenBatches all = TokenBatches.inOrder(corpus.validation(), batch, 16);
        return TrainingRun.evaluate(
                run.block(), run.manager(), all, Integer.MAX_VALUE, () -> false);
    }

    @Test
    void aTrainedModelCompletesAndEnds() throws IOException {
        trainRecords(run, "--steps=80", "--dropout=0", "--lr=0.02", "--sample-every=80");
        try (SavedRun saved = SavedRun.open(run, "cpu", null)) {
            SavedRun.Quality quality = saved.evaluate(null, 0, loader());
            assertThat(quality.loss()).isLessThan(Math.log(13) / 2);
            GenerationOptions greedy = new GenerationOptions().withMaxTokens(40).withTemperature(0);
            String text = saved.generator().generate("xyzb:", greedy, piece -> {});
            assertThat(text).matches("b{0,15}"); // and not 40 characters
        }
        assertThat(Files.readString(run.resolve("samples.txt")))
                .startsWith("===== step 80 =====\nxyzm:");
    }

    @Test
    void goesOnFromAModelOfTextIfThatCanEnd() {
        train(run, "--steps=1", "--tokenizer=bytes");
        Path tuned = directory.resolve("tuned");
        command("--data=" + records, "--out=" + tuned, "--init=" + run, "--steps=1");
        assertThat(new RunDirectory(tuned).tokenizer().endOfText()).containsExactly(0);
        Path chars = directory.resolve("chars");
        train(chars, "--steps=1");
        Path other = directory.resolve("other");
        assertRefused(
                () -> command("--data=" + records, "--out=" + other, "--init=" + chars),
                "records.jsonl",
                "lacks it");
        assertThat(other).doesNotExist();
    }
}

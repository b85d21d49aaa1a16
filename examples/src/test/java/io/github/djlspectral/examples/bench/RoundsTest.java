package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundsTest {

    private static final Key PYTHON = new Key(Suite.LAYERS, "width 512, batch 128", "Python");

    @TempDir private Path directory;

    private final Results results = new SomeResults().get();
    private final List<String> calls = new ArrayList<>();
    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();

    @Test
    void roundsGoThroughAllContendersAndKeepAllSamples() {
        results.matrixProductRates().clear();
        run(2, "a", "b");
        assertThat(calls).containsExactly("a1", "b1", "b2", "a2");
        assertThat(results.measurements())
                .extracting(measurement -> measurement.rounds().size())
                .containsExactly(2, 2);
        assertThat(results.matrixProductRates()).hasSize(2).allMatch(rate -> rate > 1e8);
        assertThat(Results.read(Results.file(directory))).isEqualTo(results);
        assertThat(directory).isDirectoryContaining("glob:**bench.md");
        assertThat(lines())
                .hasSize(4)
                .first()
                .asString()
                .matches("\\[1/4] ETA \\d+:\\d\\d min, round 1/2: routes, it: a: 1000 ms");
    }

    @Test
    void rivalsTakeTurnsInGoingFirst() {
        run(3, "a x", "b x", "c x", "d y", "e z", "f z");
        assertThat(String.join(" ", calls))
                .isEqualTo("a1 b1 c1 d1 e1 f1 c2 b2 a2 d2 f2 e2 a3 b3 c3 d3 e3 f3");
    }

    /** What was measured before an error is in the file: it is written after each process. */
    @Test
    void resultsAreWrittenAsTheyComeAndAFailureStopsNothing() {
        run(1, "a", "broken", "c");
        assertThat(calls).containsExactly("a1", "broken1", "c1");
        assertThat(results.hasFailures()).isTrue();
        assertThat(lines()).element(1).asString().endsWith("routes, it: broken: failed: no room");
    }

    @Test
    void aResumedSessionMeasuresWhatIsMissingOrFailed() {
        results.add(key("a"), Round.failed(1, "no room"));
        run(1, "a");
        assertThat(results.hasFailures()).isFalse();
        calls.clear();
        run(2, "a", "b");
        assertThat(calls).containsExactly("b1", "b2", "a2");
        assertThat(results.measurements()).allMatch(m -> m.rounds().size() == 2);
        calls.clear();
        run(2, "a", "b");
        assertThat(calls).isEmpty();
    }

    private void run(int rounds, String... names) {
        List<Key> keys = Stream.of(names).map(RoundsTest::key).toList();
        PrintStream stream = new PrintStream(messages, true, StandardCharsets.UTF_8);
        new Rounds(keys, results, directory, stream).run(rounds, this::measure);
    }

    private Round measure(Key key, int round) {
        if (!calls.isEmpty()) {
            assertThat(Results.read(Results.file(directory)).measurements())
                    .isEqualTo(results.measurements());
        }
        String name = key.contender();
        calls.add(name + round);
        return name.equals("broken")
                ? Round.failed(round, "no room")
                : new Round(round, List.of(1.0), 0, 0, 0, 0, null);
    }

    /** Of such as "a x": contender a for subject x. */
    private static Key key(String name) {
        String[] words = (name + " it").split(" ");
        return new Key(Suite.ROUTES, words[1], words[0]);
    }

    private List<String> lines() {
        return messages.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void rivalsAreNeighbours() {
        assertThat(names("width=256|depth=2", Suite.GROWTH))
                .containsExactly(
                        "growth, width=256: ours, AdamW",
                        "growth, width=256: ours, Muon",
                        "growth, width=256: Muon alone",
                        "growth, depth=2: ours, AdamW",
                        "growth, depth=2: ours, Muon");
        assertThat(names("width=256", Suite.ROUTES)).isEmpty();
    }

    @Test
    void aBenchmarksNameTakesItsRivalsInPythonToo() {
        assertThat(names("FoldBenchmark", Suite.values()))
                .hasSize(6)
                .endsWith("layers, width 512, batch 128: Python");
        assertThat(names("batch 128: (lin|Pyth)", Suite.values()))
                .containsExactly(
                        "layers, width 512, batch 128: linear relu",
                        "layers, width 512, batch 128: Python");
    }

    @Test
    void everyKeyHasItsOwnPlaceAndAQuickRunTakesLess() {
        List<Key> all = keys(false, "", Suite.values());
        assertThat(all).doesNotHaveDuplicates().contains(PYTHON);
        assertThat(all.stream().map(Key::suite).distinct()).containsExactly(Suite.values());
        List<Key> quick = keys(true, "", Suite.values());
        assertThat(all).hasSizeGreaterThan(2 * quick.size()).containsAll(quick);
        assertThat(quick.stream().map(Key::task))
                .contains("optimizers, 124M, hidden matrices", "optimizers, 124M, all parameters")
                .contains("optimizers, 768x768", "optimizers, 3072x768", "routes, 16x64")
                .doesNotContain("growth, width=1600", "growth, batch=16");
        Key adamW = new Key(Suite.OPTIMIZERS, "124M, all parameters", "torch.optim.AdamW");
        assertThat(adamW.isQuick()).isTrue();
        assertThat(new Key(Suite.OPTIMIZERS, "1600x1600", "torch.optim.Muon").isQuick()).isFalse();
    }

    @Test
    void aStepOfGpt2IsComparedWithPythonAndDjlsBlocks() {
        assertThat(new Key(Suite.GPT2, "124M, B=4, T=256, step", "DJL blocks").rivals())
                .containsExactly("PyTorch, float32", "PyTorch, bfloat16", "DJL blocks, DJL AdamW");
        assertThat(new Key(Suite.OPTIMIZERS, "8x8", "Muon").rivals())
                .containsExactly(
                        "Muon, DJL arrays", "Muon, native Newton-Schulz", "torch.optim.Muon");
        assertThat(new Key(Suite.GPT2, "product 2048", "ours, float32").rivals()).isEmpty();
    }

    @Test
    void aForkBringsItsIterationsInSeconds() {
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        Round round = fork(log, new Key(Suite.ROUTES, "16x64", "eigh"));
        assertThat(round.failure()).isNull();
        assertThat(round.number()).isEqualTo(2);
        assertThat(round.seconds()).hasSize(2).allMatch(s -> s > 1e-6 && s < 2); // quick
        if (System.getProperty("os.name").equals("Linux")) {
            assertThat(round.peakMemory()).isBetween(1e7, 4e9);
            assertThat(round.ownMemory()).isBetween(1.0, 1e9);
        }
        assertThat(round.time())
                .isCloseTo((round.seconds().get(0) + round.seconds().get(1)) / 2, within(1e-12));
        assertThat(log.toString(StandardCharsets.UTF_8)).contains("routes, 16x64: eigh");
    }

    @Test
    void aFailingForkTellsWhy() {
        Path noPython = Path.of(System.getProperty("java.home"), "bin", "java");
        System.setProperty(TorchTask.PYTHON, noPython.toString());
        Round round = fork(new ByteArrayOutputStream(), PYTHON);
        assertThat(round.failure()).contains("fatal exception has occurred").hasLineCount(1);
    }

    private static Round fork(ByteArrayOutputStream log, Key key) {
        return Rounds.measure(true, new PrintStream(log, true, StandardCharsets.UTF_8), key, 2);
    }

    private static List<String> names(String only, Suite... suites) {
        return keys(false, only, suites).stream().map(Key::toString).toList();
    }

    private static List<Key> keys(boolean quick, String only, Suite... suites) {
        return Rounds.keys(quick, List.of(suites), Pattern.compile(only), List.of(PYTHON));
    }
}

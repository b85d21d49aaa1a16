package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.bench.Jmh.Contestant;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class JmhTest {

    private static final String TINY = TinyBenchmark.class.getName() + ".nap";

    private final ByteArrayOutputStream log = new ByteArrayOutputStream();

    @Test
    void rivalsAreNeighbours() {
        assertThat(names("tiny", Suite.LAYERS))
                .containsExactly(
                        "layers, tiny 20: nap",
                        "layers, tiny 20: failure",
                        "layers, tiny 20: Python",
                        "layers, tiny 30: nap",
                        "layers, tiny 30: failure");
        assertThat(names("tiny", Suite.ROUTES)).isEmpty();
    }

    @Test
    void aBenchmarksNameTakesItsRivalsInPythonToo() {
        assertThat(names("TinyBenchmark.nap", Suite.values())).hasSize(5);
        assertThat(names("tiny 20: (nap|Pyth)", Suite.values()))
                .containsExactly("layers, tiny 20: nap", "layers, tiny 20: Python");
        assertThat(names("tiny 20: Pyth", Suite.values()))
                .containsExactly("layers, tiny 20: Python");
    }

    @Test
    void everyShippedBenchmarkHasItsOwnPlace() {
        List<Key> keys = keys(false);
        assertThat(keys).doesNotHaveDuplicates().contains(python());
        assertThat(keys.stream().map(Key::suite).distinct()).containsExactly(Suite.values());
        assertThat(keys.stream().map(Key::toString))
                .contains("growth, batch=1: gradients alone", "growth, width=256: Muon alone")
                .doesNotContain("growth, width=256: gradients alone", "growth, batch=1: Muon alone")
                .doesNotContain("growth, depth=2: gradients alone", "growth, depth=2: Muon alone");
    }

    @Test
    void aQuickRunTakesLess() {
        assertThat(keys(false)).containsAll(keys(true));
        assertThat(keys(true).stream().map(Key::task).distinct())
                .contains(
                        "optimizers, 768x768",
                        "optimizers, 3072x768",
                        "optimizers, 768x3072",
                        "optimizers, 124M, hidden matrices",
                        "optimizers, 124M, all parameters",
                        "routes, 16x64")
                .doesNotContain("growth, width=1600", "growth, batch=16");
        Key python = new Key(Suite.OPTIMIZERS, "124M, all parameters", "torch.optim.AdamW");
        assertThat(python.isQuick()).isTrue();
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
        Round round = measure("nap", 2);
        assertThat(round.failure()).isNull();
        assertThat(round.number()).isEqualTo(2);
        assertThat(round.seconds()).hasSize(2); // quick
        // a nap may last longer on a busy machine, but not be shorter
        assertThat(round.seconds()).allMatch(seconds -> seconds > 0.0199 && seconds < 2);
        if (System.getProperty("os.name").equals("Linux")) {
            assertThat(round.peakMemory()).isBetween(1e7, 4e9);
        }
        assertThat(round.medianSeconds())
                .isCloseTo((round.seconds().get(0) + round.seconds().get(1)) / 2, within(1e-12));
        assertThat(log.toString(StandardCharsets.UTF_8)).contains("TinyBenchmark.nap");
    }

    @Test
    void aFailingForkTellsWhy() {
        Round round = measure("failure", 1);
        assertThat(round.isMeasured()).isFalse();
        assertThat(round.failure()).contains("nothing of size tiny 20").hasLineCount(1);
    }

    private Round measure(String contender, int number) {
        Key key = new Key(Suite.LAYERS, "tiny 20", contender);
        return jmh(true).measure(new Contestant(TINY, key), number);
    }

    private List<String> names(String only, Suite... suites) {
        return jmh(false)
                .contestants(List.of(suites), Pattern.compile(only), List.of(python()))
                .stream()
                .map(contestant -> contestant.key().toString())
                .toList();
    }

    private List<Key> keys(boolean quick) {
        return jmh(quick)
                .contestants(List.of(Suite.values()), Pattern.compile(""), List.of(python()))
                .stream()
                .map(Contestant::key)
                .toList();
    }

    private static Key python() {
        return new Key(Suite.LAYERS, "tiny 20", "Python");
    }

    private Jmh jmh(boolean quick) {
        PrintStream stream = new PrintStream(log, true, StandardCharsets.UTF_8);
        return new Jmh(quick, stream);
    }
}

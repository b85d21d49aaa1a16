package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class JmhCatalogTest {

    private final ByteArrayOutputStream log = new ByteArrayOutputStream();

    @Test
    void annotationsAndParametersMakeKeys() {
        assertThat(tiny(false))
                .extracting(JmhBenchmark::key)
                .containsExactlyInAnyOrder(
                        new Key(Suite.ROUTES, "tiny 20", "nap of milli seconds"),
                        new Key(Suite.ROUTES, "tiny 30", "nap of milli seconds"),
                        new Key(Suite.ROUTES, "tiny 20", "failure"),
                        new Key(Suite.ROUTES, "tiny 30", "failure"),
                        new Key(Suite.LAYERS, "other 20", "none"),
                        new Key(Suite.LAYERS, "other 30", "none"));
        assertThat(find("failure").against()).containsExactly("nap of milli seconds");
    }

    @Test
    void aQuickRunTakesWhatTheAnnotationSays() {
        assertThat(tiny(true))
                .extracting(benchmark -> benchmark.key().subject())
                .containsExactly("tiny 20", "tiny 20");
    }

    @Test
    void everyShippedBenchmarkHasItsOwnPlace() {
        assertThat(all(false)).extracting(JmhBenchmark::key).doesNotHaveDuplicates();
        assertThat(all(true)).hasSizeLessThan(all(false).size());
    }

    @Test
    void aStepOfGpt2IsComparedWithPythonAndDjlsBlocks() {
        Key step = new Key(Suite.GPT2, "124M, B=4, T=256, step", "ours, bfloat16");
        JmhSettings settings =
                new JmhSettings(
                        false, List.of(), new PrintStream(log, true, StandardCharsets.UTF_8));
        assertThat(new JmhCatalog(settings).rivals().get(step))
                .containsExactly(
                        "PyTorch, float32",
                        "PyTorch, bfloat16",
                        "DJL blocks",
                        "DJL blocks, DJL AdamW");
    }

    @Test
    void aForkBringsItsIterationsInSeconds() {
        Round round = find("nap of milli seconds").measure(2);
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
        Round round = find("failure").measure(1);
        assertThat(round.isMeasured()).isFalse();
        assertThat(round.failure()).contains("nothing of size 20").hasLineCount(1);
    }

    private JmhBenchmark find(String contender) {
        return tiny(true).stream()
                .filter(benchmark -> benchmark.key().contender().equals(contender))
                .findFirst()
                .orElseThrow();
    }

    private List<JmhBenchmark> tiny(boolean quick) {
        return all(quick).stream()
                .filter(benchmark -> benchmark.method().contains("TinyBenchmark"))
                .toList();
    }

    private List<JmhBenchmark> all(boolean quick) {
        PrintStream stream = new PrintStream(log, true, StandardCharsets.UTF_8);
        return new JmhCatalog(new JmhSettings(quick, List.of("-Xmx64m", "-Xms64m"), stream)).all();
    }
}

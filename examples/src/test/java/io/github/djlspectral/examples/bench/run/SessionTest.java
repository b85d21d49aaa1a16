package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.MachineDescription;
import io.github.djlspectral.examples.bench.report.Results;
import io.github.djlspectral.examples.bench.report.ResultsFile;
import io.github.djlspectral.examples.bench.report.Round;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SessionTest {

    private static final Results NOTHING =
            new Results(
                    new MachineDescription("CPU", 2, List.of(), 1, 0, 1, Map.of()),
                    "now",
                    false,
                    "bench",
                    List.of(),
                    List.of(),
                    List.of());

    @TempDir private Path directory;

    private final List<String> calls = new ArrayList<>();
    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();

    @Test
    void roundsGoThroughAllContendersAndKeepAllSamples() {
        Results results = run(NOTHING, 2, new Fake("a"), new Fake("b"));
        assertThat(calls).containsExactly("a1", "b1", "b2", "a2");
        assertThat(results.measurements())
                .extracting(measurement -> measurement.rounds().size())
                .containsExactly(2, 2);
        assertThat(results.matrixProductRates()).hasSize(2).allMatch(rate -> rate > 1e8);
        assertThat(ResultsFile.read(Session.file(directory))).isEqualTo(results);
        assertThat(directory).isDirectoryContaining("glob:**bench.md");
        assertThat(lines())
                .hasSize(4)
                .first()
                .asString()
                .matches("\\[1/4] ETA \\d+:\\d\\d min, round 1/2: routes, it: a: 1000 ms");
    }

    @Test
    void rivalsTakeTurnsInGoingFirst() {
        run(
                NOTHING,
                3,
                new Fake("a", "x"),
                new Fake("b", "x"),
                new Fake("c", "x"),
                new Fake("d", "y"),
                new Fake("e", "z"),
                new Fake("f", "z"));
        assertThat(String.join(" ", calls))
                .isEqualTo("a1 b1 c1 d1 e1 f1 c2 b2 a2 d2 f2 e2 a3 b3 c3 d3 e3 f3");
    }

    /** What was measured before an error is in the file: it is written after each process. */
    @Test
    void resultsAreWrittenAsTheyCome() {
        Contestant broken =
                new Fake("b") {
                    @Override
                    public Round measure(int round) {
                        assertThat(ResultsFile.read(Session.file(directory)).measurements())
                                .hasSize(1);
                        return Round.failed(round, "broken");
                    }
                };
        Results results = run(NOTHING, 1, new Fake("a"), broken);
        assertThat(results.hasFailures()).isTrue();
        assertThat(lines()).last().asString().endsWith("routes, it: b: failed: broken");
    }

    @Test
    void aResumedSessionMeasuresWhatIsMissing() {
        Results first = run(NOTHING, 1, new Fake("a"));
        calls.clear();
        Results second = run(first, 2, new Fake("a"), new Fake("b"));
        assertThat(calls).containsExactly("b1", "b2", "a2");
        assertThat(second.measurements()).allMatch(m -> m.rounds().size() == 2);
        calls.clear();
        assertThat(run(second, 2, new Fake("a"), new Fake("b"))).isEqualTo(second);
        assertThat(calls).isEmpty();
    }

    /** What failed is tried again, and the failure forgotten. */
    @Test
    void aResumedSessionTriesAgainWhatFailed() {
        Key key = new Fake("a").key();
        Results failed = NOTHING.with(key, List.of(), Round.failed(1, "no room"));
        Results again = run(failed, 1, new Fake("a"));
        assertThat(again.hasFailures()).isFalse();
        assertThat(again.measurements().get(0).rounds()).hasSize(1);
    }

    private Results run(Results known, int rounds, Contestant... contestants) {
        PrintStream stream = new PrintStream(messages, true, StandardCharsets.UTF_8);
        return new Session(List.of(contestants), known, directory, stream).run(rounds);
    }

    private List<String> lines() {
        return messages.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private class Fake implements Contestant {

        private final String name;
        private final String subject;

        Fake(String name) {
            this(name, "it");
        }

        Fake(String name, String subject) {
            this.name = name;
            this.subject = subject;
        }

        @Override
        public Key key() {
            return new Key(Suite.ROUTES, subject, name);
        }

        @Override
        public List<String> against() {
            return List.of();
        }

        @Override
        public Round measure(int round) {
            calls.add(name + round);
            return new Round(round, List.of(1.0), 0, 0, 0, 0, null);
        }
    }
}

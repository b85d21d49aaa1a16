package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.Jmh.Contestant;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundsTest {

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
    void aResumedSessionMeasuresWhatIsMissing() {
        run(1, "a");
        calls.clear();
        run(2, "a", "b");
        assertThat(calls).containsExactly("b1", "b2", "a2");
        assertThat(results.measurements()).allMatch(m -> m.rounds().size() == 2);
        calls.clear();
        run(2, "a", "b");
        assertThat(calls).isEmpty();
    }

    /** What failed is tried again, and the failure forgotten. */
    @Test
    void aResumedSessionTriesAgainWhatFailed() {
        results.add(contestant("a").key(), Round.failed(1, "no room"));
        run(1, "a");
        assertThat(results.hasFailures()).isFalse();
        assertThat(results.measurements().get(0).rounds()).hasSize(1);
    }

    private void run(int rounds, String... names) {
        List<Contestant> contestants = Stream.of(names).map(RoundsTest::contestant).toList();
        PrintStream stream = new PrintStream(messages, true, StandardCharsets.UTF_8);
        new Rounds(contestants, results, directory, stream).run(rounds, this::measure);
    }

    private Round measure(Contestant contestant, int round) {
        if (!calls.isEmpty()) {
            assertThat(Results.read(Results.file(directory)).measurements())
                    .isEqualTo(results.measurements());
        }
        String name = contestant.key().contender();
        calls.add(name + round);
        return name.equals("broken")
                ? Round.failed(round, "no room")
                : new Round(round, List.of(1.0), 0, 0, 0, 0, null);
    }

    /** Of such as "a x": contender a for subject x. */
    private static Contestant contestant(String name) {
        String[] words = (name + " it").split(" ");
        return new Contestant("", new Key(Suite.ROUTES, words[1], words[0]));
    }

    private List<String> lines() {
        return messages.toString(StandardCharsets.UTF_8).lines().toList();
    }
}

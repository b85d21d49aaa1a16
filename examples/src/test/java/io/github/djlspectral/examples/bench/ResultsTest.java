package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultsTest {

    private static final double STUDENT_2 = 4.302653; // 97.5% quantile, two degrees of freedom

    @TempDir private Path directory;

    private final Results results =
            new SomeResults()
                    .addWithMemory(Suite.GROWTH, "width=256", "ours", 1, 1, 1)
                    .fail(Suite.ROUTES, "1x1", "svd", "no")
                    .get();

    @Test
    void whatIsWrittenIsReadAgain() {
        Path path = directory.resolve("deep").resolve("bench.json");
        results.write(path);
        assertThat(Results.read(path)).isEqualTo(results);
        assertThat(path.getParent()).isDirectoryNotContaining("glob:**.tmp");
    }

    /** They came with their contenders' rivals. */
    @Test
    void olderResultsAreRead() {
        Results old = Results.read(Path.of("results/bench/bench.json"));
        assertThat(old.matrixProductRates()).hasSize(3);
        assertThat(old.measured("optimizers, 768x768: Muon").orElseThrow().rounds())
                .hasSize(3)
                .allMatch(round -> round.failure() == null && round.polarError() > 0);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[]",
                "{}",
                "{\"machine\": {}, \"measurements\": [{}]}",
                "[{\"benchmark\": \"of JMH\"}]"
            })
    void anotherFileIsBadInput(String content) throws IOException {
        Path path = directory.resolve("other.json");
        Files.writeString(path, content);
        assertThatThrownBy(() -> Results.read(path))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("holds no results of the bench command");
    }

    @Test
    void moreCanBeMeasuredOnTheSameMachineAlsoWithPython() {
        Machine machine = SomeResults.machine(2, 0.1, Map.of("pytorch", "2.7.1", "torch", "2.13"));
        Results resumed = results.resume(begin(machine, true));
        assertThat(resumed.measurements()).isEqualTo(results.measurements());
        assertThat(resumed.machine().versions()).containsKeys("pytorch", "torch");
        assertThat(resumed.options()).isEqualTo("bench --quick; bench --resume");
        assertThat(resumed.notes()).isEmpty();
        assertThat(resumed.resume(begin(SomeResults.machine(2), true)).machine().versions())
                .containsKey("torch");
    }

    @Test
    void nothingCanBeAddedElsewhereOrOfAnotherKind() {
        assertNotResumed(SomeResults.machine(1), true, "threads 2, now 1; choose another --out");
        Machine other = SomeResults.machine(2, 0.1, Map.of("commit", "abc"));
        assertNotResumed(other, true, "commit null, now abc");
        assertNotResumed(SomeResults.machine(2), false, "quick true, now false");
    }

    private void assertNotResumed(Machine machine, boolean quick, String why) {
        assertThatThrownBy(() -> results.resume(begin(machine, quick)))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("cannot be resumed: " + why);
    }

    private static Results begin(Machine machine, boolean quick) {
        return new Results(
                machine, "later", quick, "bench --resume", List.of(), List.of(), List.of());
    }

    @Test
    void measurementsOfASubjectStayTogether() {
        Results all =
                new SomeResults()
                        .add(Suite.OPTIMIZERS, "1x1", "a", 1)
                        .add(Suite.OPTIMIZERS, "2x2", "a", 1)
                        .add(Suite.ROUTES, "1x1", "c", 1)
                        .add(Suite.OPTIMIZERS, "1x1", "b", 1)
                        .get();
        assertThat(all.of(Suite.OPTIMIZERS))
                .extracting(measurement -> measurement.key().toString())
                .containsExactly("optimizers, 1x1: a", "optimizers, 1x1: b", "optimizers, 2x2: a");
    }

    @Test
    void thisMachineIsDescribed() {
        Machine machine = Machine.here(Map.of("torch", "2.13"));
        assertThat(machine.cpu()).isNotBlank();
        assertThat(machine.cores()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(machine.threads()).isEqualTo(1); // of the engine, as in the pom
        assertThat(machine.memory()).isBetween(1L << 28, 1L << 50);
        assertThat(machine.versions())
                .containsEntry("torch", "2.13")
                .containsKeys("pytorch", "java", "djl", "os");
    }

    @Test
    void aBusyMachineAndOtherThreadsInPythonAreWarnedOf() {
        assertThat(SomeResults.machine(2, 3.2, Map.of("torch-threads", "4")).warnings())
                .containsExactly(
                        "Warning: the machine was busy (load average 3.2); times may be too long",
                        "Warning: an operation uses 2 threads here, but 4 in Python, so that times"
                                + " cannot be compared: give --threads");
        Map<String, String> same = Map.of("torch-threads", "2");
        assertThat(SomeResults.machine(2, 0.1, same).warnings()).isEmpty();
        assertThat(SomeResults.machine(2, -1, Map.of()).warnings()).isEmpty(); // load unknown
    }

    @Test
    void marginIsThatOfStudent() {
        Uncertain mean = Uncertain.mean(new double[] {1, 2, 3});
        assertThat(mean.value()).isEqualTo(2);
        assertThat(mean.margin()).isCloseTo(STUDENT_2 / Math.sqrt(3), within(1e-5));
        assertThat(Uncertain.mean(new double[] {7}).margin()).isNaN();
        Uncertain ratio = Uncertain.geometricMean(new double[] {0.5, 1, 2});
        assertThat(ratio.value()).isCloseTo(1, within(1e-12));
        assertThat(ratio.margin()).isCloseTo(STUDENT_2 * Math.log(2) / Math.sqrt(3), within(1e-5));
    }

    @Test
    void threeDigitsArePrintedOfAReciprocalTooWhichKeepsTheRelativeMargin() {
        assertThat(new Uncertain(4, 0.4).under(1024)).hasToString("256 ± 26");
        assertThat(new Uncertain(4193.4, 41.7)).hasToString("4193 ± 42");
        assertThat(new Uncertain(41.16, 0.83)).hasToString("41.2 ± 0.8");
        assertThat(new Uncertain(0.3612, 0.02)).hasToString("0.361 ± 0.020");
        assertThat(new Uncertain(0, Double.NaN)).hasToString("0 ± ?");
    }
}

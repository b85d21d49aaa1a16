package io.github.djlspectral.examples.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.text.BadInputException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ResultsTest {

    private final Results results =
            new SomeResults().add(Suite.OPTIMIZERS, "768x768", "Muon", 1).get();

    @Test
    void moreCanBeMeasuredOnTheSameMachineAlsoWithPython() {
        MachineDescription machine = SomeResults.machine(2).with(Map.of("torch", "2.13"));
        Results resumed = results.resume(begin(machine, true));
        assertThat(resumed.measurements()).isEqualTo(results.measurements());
        assertThat(resumed.machine().versions()).containsKeys("pytorch", "torch");
        assertThat(resumed.options()).isEqualTo("bench --quick; bench --resume");
        assertThat(resumed.notes()).isEmpty();
        assertThat(resumed.resume(begin(SomeResults.machine(2), true)).machine().versions())
                .containsKey("torch");
    }

    @Test
    void nothingCanBeAddedElsewhere() {
        assertThatThrownBy(() -> results.resume(begin(SomeResults.machine(1), true)))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("cannot be resumed: threads 2, now 1; choose another --out");
    }

    @Test
    void norWithAnotherBuild() {
        MachineDescription other = SomeResults.machine(2).with(Map.of("commit", "abc"));
        assertThatThrownBy(() -> results.resume(begin(other, true)))
                .hasMessageContaining("commit null, now abc");
    }

    @Test
    void norWithOtherIterations() {
        assertThatThrownBy(() -> results.resume(begin(SomeResults.machine(2), false)))
                .hasMessageContaining("quick true, now false");
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

    private static Results begin(MachineDescription machine, boolean quick) {
        return new Results(
                machine, "later", quick, "bench --resume", List.of(), List.of(), List.of());
    }
}

package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.report.MachineDescription;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MachineTest {

    @Test
    void describesThisOne() {
        MachineDescription machine = Machine.describe(Map.of("torch", "2.13"));
        assertThat(machine.cpu()).isNotBlank();
        assertThat(machine.cores()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(machine.threads()).isEqualTo(1); // of the engine, as in the pom
        assertThat(machine.memory()).isBetween(1L << 28, 1L << 50);
        assertThat(machine.versions())
                .containsEntry("torch", "2.13")
                .containsKeys("pytorch", "java", "djl", "os");
    }

    @Test
    void warnsIfThereIsOtherWork() {
        assertThat(loaded(3.2).warnings())
                .containsExactly(
                        "Warning: the machine was busy (load average 3.2); times may be too long");
        assertThat(loaded(0.1).warnings()).isEmpty();
        assertThat(loaded(-1).warnings()).isEmpty(); // unknown
    }

    @Test
    void warnsIfPythonUsesAnotherNumberOfThreads() {
        assertThat(described(0, Map.of("torch-threads", "2")).warnings()).isEmpty();
        assertThat(described(0, Map.of("torch-threads", "4")).warnings())
                .containsExactly(
                        "Warning: an operation uses 2 threads here, but 4 in Python, so that times"
                                + " cannot be compared: give --threads");
    }

    private static MachineDescription loaded(double load) {
        return described(load, Map.of());
    }

    private static MachineDescription described(double load, Map<String, String> versions) {
        return new MachineDescription("CPU", 2, List.of(), 1, load, 2, versions);
    }
}

package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The interpreter is a shell here, and the script one of its. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no shell to play Python")
class PythonPeerTest {

    private static final String LIST =
            """
            case "$*" in *--list)
              echo '{"python": "3.12", "torch": "2.13", "torch-threads": "2"}'
              echo '{"suite": "optimizers", "subject": "8x8", "contender": "torch.optim.Muon"}'
              exit 0
            esac
            """;

    @TempDir private Path directory;
    private PythonProcess process;

    @AfterEach
    void close() {
        process.close();
    }

    @Test
    void whatIsListedIsMeasured() {
        PythonPeer peer =
                ask(
                        LIST
                                + """
                                echo "$@" > DIR/arguments
                                echo warming up >&2
                                echo '{"suite": "optimizers", "subject": "8x8",
                                 "contender": "torch.optim.Muon", "seconds": [0.1, 0.3],
                                 "peakMemory": 7, "baseMemory": 5, "polarError": 0.25}' | tr -d '\\n'
                                """);
        assertThat(peer.note()).isEmpty();
        assertThat(peer.versions())
                .containsEntry("torch", "2.13")
                .containsEntry("torch-threads", "2");
        PythonContestant muon = peer.contestants().get(0);
        assertThat(muon.key()).isEqualTo(new Key(Suite.OPTIMIZERS, "8x8", "torch.optim.Muon"));
        assertThat(muon.measure(3)).isEqualTo(new Round(3, List.of(0.1, 0.3), 7, 5, 0, 0.25, null));
        assertThat(directory.resolve("arguments"))
                .hasContent(
                        "--threads 2 --suite optimizers --subject 8x8 --contender torch.optim.Muon");
    }

    @Test
    void withoutTorchItIsSkippedAndSaidWhy() {
        PythonPeer peer = ask("echo Traceback >&2; echo 'sh has no PyTorch' >&2; exit 3");
        assertThat(peer.note()).contains("Python's PyTorch is skipped: sh has no PyTorch");
        assertThat(peer.contestants()).isEmpty();
    }

    @Test
    void withoutPythonItIsSkippedAndSaidWhy() {
        process = new PythonProcess("no-such-python", script(""));
        assertThat(PythonPeer.ask(process, List.of()).note().orElseThrow())
                .startsWith("Python's PyTorch is skipped: cannot run no-such-python");
    }

    @Test
    void aListThatIsNoneIsSkipped() {
        assertThat(ask("echo hello").note().orElseThrow()).contains("skipped");
        process.close();
        assertThat(ask("true").note().orElseThrow()).endsWith("the script lists nothing");
        process.close();
        assertThat(ask("echo '{}'; echo '{\"suite\": \"other\"}'").note().orElseThrow())
                .endsWith("the script printed {\"suite\": \"other\"}");
    }

    @Test
    void aMeasurementThatFailsIsPartOfTheResults() {
        assertThat(failure("echo 'MemoryError: no room' >&2; exit 1"))
                .isEqualTo("MemoryError: no room");
        assertThat(failure("exit 7")).isEqualTo("exit code 7");
        assertThat(failure("true")).isEqualTo("the script printed 0 lines, not one");
        assertThat(failure("echo '{\"suite\": \"optimizers\"}'")).contains("the script printed");
        assertThat(failure("echo '{'")).isNotBlank();
    }

    private String failure(String script) {
        String reason = ask(LIST + script).contestants().get(0).measure(1).failure();
        process.close();
        return reason;
    }

    private PythonPeer ask(String script) {
        process = new PythonProcess("sh", script(script));
        return PythonPeer.ask(process, List.of("--threads", "2"));
    }

    private URL script(String text) {
        Path file = directory.resolve("script");
        try {
            Files.writeString(file, text.replace("DIR", directory.toString()));
            return file.toUri().toURL();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.TorchTask.Listing;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The interpreter is a script of the shell here. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no shell to play Python")
class TorchTaskTest {

    private static final Key MUON = new Key(Suite.OPTIMIZERS, "8x8", "torch.optim.Muon");

    /** Takes the script that it is given, and does every step, of which it takes note. */
    private static final String SERVE =
            """
            head -c $3 > DIR/script
            echo "$@" > DIR/arguments
            echo 'UserWarning: warming up' >&2
            echo '{"baseMemory": 5}'
            while read line; do echo step >> DIR/steps; echo done; done
            echo '{"peakMemory": 7, "polarError": 0.25}'
            """;

    @TempDir private Path directory;

    @Test
    void whatIsListedIsKnown() {
        Listing listing =
                list(
                        """
                        echo '{"python": "3.12", "torch": "2.13", "torch-threads": "2"}'
                        echo '{"suite": "optimizers", "subject": "8x8",
                         "contender": "torch.optim.Muon"}' | tr -d '\\n'
                        """);
        assertThat(listing.notes()).isEmpty();
        assertThat(listing.versions())
                .containsEntry("torch", "2.13")
                .containsEntry("torch-threads", "2");
        assertThat(listing.keys()).containsExactly(MUON);
    }

    @Test
    void withoutTorchItIsSkippedAndSaidWhy() {
        assertThat(note("echo Traceback >&2; echo 'sh has no PyTorch' >&2; exit 3"))
                .isEqualTo("Python's PyTorch is skipped: sh has no PyTorch");
        assertThat(TorchTask.list("no-such-python").notes().get(0))
                .startsWith("Python's PyTorch is skipped: cannot run no-such-python");
        assertThat(note("echo hello")).endsWith("the script says nothing");
        assertThat(note("echo '{'")).contains("skipped");
        assertThat(note("echo '{}'; echo '{\"suite\": \"other\"}'"))
                .endsWith("the script printed {\"suite\": \"other\"}");
    }

    /** As all benchmarks: in a fork of JMH's, whose memory is not what counts. */
    @Test
    void itsTimeAndMemoryArePythons() throws IOException {
        System.setProperty(TorchTask.PYTHON, python(SERVE).toString());
        PrintStream log = new PrintStream(OutputStream.nullOutputStream());
        Round round = Rounds.measure(true, log, MUON, 3);
        assertThat(round.failure()).isNull();
        assertThat(round.seconds()).hasSize(2).allMatch(seconds -> seconds > 0);
        assertThat(List.of(round.peakMemory(), round.baseMemory(), round.polarError()))
                .containsExactly(7., 5., 0.25);
        assertThat(Files.readString(directory.resolve("arguments")))
                .endsWith(
                        " --threads 1 --suite optimizers --subject 8x8"
                                + " --contender torch.optim.Muon\n");
        assertThat(Files.readString(directory.resolve("script")))
                .startsWith("\"\"\"What `djl-spectral bench`")
                .endsWith("main()\n");
        assertThat(Files.readAllLines(directory.resolve("steps")).size()).isGreaterThan(2);
    }

    @Test
    void whatFailsTellsWhy() {
        assertFails("echo 'MemoryError: no room' >&2; exit 1", "MemoryError: no room");
        assertFails("exit 7", "exit code 7");
        assertFails("true", "the script says nothing");
        assertFails("echo '{\"baseMemory\": 1}'; read x; echo '{}'", "the script printed {}");
        assertFails("echo '{\"baseMemory\": 1}'; read x; echo no room; exit 1", "no room");
    }

    @Test
    void whoDoesNotAnswerIsEnded() {
        String script = "echo '{\"baseMemory\": 1}'; read x; echo done; read x; sleep 100";
        System.setProperty(TorchTask.PYTHON, python(script).toString());
        TorchTask task = new TorchTask();
        task.patience = Duration.ofSeconds(1);
        task.create(MUON);
        task.work.run();
        assertThatThrownBy(task.work::run)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no answer in 1 seconds");
    }

    private void assertFails(String script, String why) {
        System.setProperty(TorchTask.PYTHON, python(script).toString());
        TorchTask task = new TorchTask();
        assertThatThrownBy(
                        () -> {
                            task.create(MUON);
                            task.work.run();
                        })
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(why);
    }

    private String note(String script) {
        return list(script).notes().get(0);
    }

    private Listing list(String script) {
        return TorchTask.list(python(script).toString());
    }

    private Path python(String script) {
        Path file = directory.resolve("python");
        try {
            Files.writeString(file, "#!/bin/sh\n" + script.replace("DIR", directory.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assertThat(file.toFile().setExecutable(true)).isTrue();
        return file;
    }
}

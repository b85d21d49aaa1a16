package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.gpt.TestText;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.examples.sweep.SweepPlan.Contender;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs in processes of their own, two at a time. */
class SweepTest {

    @TempDir private Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private Path out;
    private Path csv;
    private List<Cell> cells;

    @BeforeEach
    void setUp() throws IOException {
        out = directory.resolve("out");
        csv = out.resolve("sweep.csv");
        Path text = TestText.write(directory);
        TrainArguments common =
                TrainArguments.parse(List.of(TestText.options(text, out)))
                        .plus(TrainArguments.parse("--steps 3 --warmup 0 --clip 0"));
        Contender muon = Contender.of("Muon", "--optimizer muon", 0.02);
        Contender sgd = Contender.of("SGD", "--optimizer sgd", 1e30);
        cells = new SweepPlan(common, List.of(muon, sgd), 1).tuning(out);
    }

    @Test
    void trainsOnceAndGoesOnWhereItStopped() throws IOException {
        SweepResults results = sweep().run().orElseThrow();
        assertThat(Files.readAllLines(csv)).isEqualTo(results.csv()).hasSize(3);
        assertThat(results.csv().get(1)).matches("Muon,0.02,0,[0-9.]+,3,[0-9.]+");
        assertThat(results.csv().get(2)).matches("SGD,1\\d{30},0,Infinity,1,[0-9.]+");
        assertThat(printed()).contains("0 of them done", "[2/2]", "SGD", "diverged after step 1");

        String log = Files.readString(log());
        assertThat(sweep().run().orElseThrow().csv()).isEqualTo(results.csv());
        assertThat(printed()).contains("2 of them done").doesNotContain("[1/");
        assertThat(log()).content().isEqualTo(log);

        interrupt(cells.get(0));
        assertThat(withoutSeconds(sweep().run().orElseThrow())).isEqualTo(withoutSeconds(results));
        assertThat(printed()).contains("1 of them done", "[1/1] Muon");
        assertThat(log()).content().startsWith(log).hasSizeGreaterThan(log.length());
    }

    /** Leaves the run as if it had been killed after its second step, before any checkpoint. */
    private static void interrupt(Cell cell) throws IOException {
        Path metrics = cell.directory().resolve("metrics.csv");
        Files.write(metrics, Files.readAllLines(metrics).subList(0, 4));
        Path checkpoint = cell.directory().resolve("checkpoints/step-000003");
        Files.move(checkpoint, cell.directory().resolve("checkpoints/lost"));
    }

    private static List<String> withoutSeconds(SweepResults results) {
        return results.csv().stream().map(line -> line.replaceFirst(",[^,]*$", "")).toList();
    }

    @Test
    void saysWhyARunFailed() throws IOException {
        Files.delete(directory.resolve("cycle.txt"));
        assertThatThrownBy(() -> sweep().run())
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("2 of 2 runs failed")
                .hasMessageContaining("exit code 2")
                .hasMessageContaining("train.log")
                .hasMessageContaining("cycle.txt");
        assertThat(Files.readAllLines(csv)).hasSize(1);
    }

    /** The surefire plugin starts this process with a language and a heap. */
    @Test
    void runsHaveThePropertiesOfThisProcess() {
        List<String> command = Sweep.prepare(Main.class.getName(), cells.get(0), false).command();
        assertThat(command.subList(0, command.indexOf("-cp")))
                .contains("-Duser.language=ar", "-Djava.awt.headless=true", "-Xmx1g")
                .doesNotContain("-Xms1g")
                .endsWith("-Dai.djl.pytorch.num_threads=1");
    }

    private Sweep sweep() {
        output.reset();
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        return new Sweep(cells, null, Main.class.getName(), 2, csv, stream);
    }

    private Path log() {
        return cells.get(0).directory().resolve("train.log");
    }

    private String printed() {
        return output.toString(StandardCharsets.UTF_8);
    }
}

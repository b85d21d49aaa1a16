package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunOutcomeTest {

    @TempDir private Path directory;
    private Path text;
    private Path out;

    @BeforeEach
    void setUp() throws IOException {
        text = TestText.write(directory);
        out = directory.resolve("run");
    }

    @Test
    void tellsHowARunEnded() throws IOException {
        List<String> options = options("--steps=3", "--eval-every=2");
        assertThat(RunOutcome.read(out, options).state()).isEqualTo(State.ABSENT);
        train(options);

        RunOutcome outcome = RunOutcome.read(out, options);
        List<Metrics.Row> rows = Metrics.read(out.resolve("metrics.csv"), 3);
        assertThat(outcome.state()).isEqualTo(State.FINISHED);
        assertThat(outcome.steps()).isEqualTo(3);
        assertThat(outcome.seconds()).isEqualTo(rows.get(3).seconds()).isPositive();
        assertThat(outcome.finalLoss()).isEqualTo(rows.get(3).validationLoss());
        assertThat(outcome.validationLosses()).containsOnlyKeys(0, 2, 3);

        List<String> lines = Files.readAllLines(out.resolve("metrics.csv"));
        Files.write(out.resolve("metrics.csv"), lines.subList(0, 4)); // steps 0 to 2
        assertThat(RunOutcome.read(out, options).state()).isEqualTo(State.UNFINISHED);
        Files.delete(out.resolve("metrics.csv"));
        assertThat(RunOutcome.read(out, options).state()).isEqualTo(State.UNFINISHED);
    }

    @Test
    void aDivergedRunHasAnInfiniteLoss() throws IOException {
        List<String> options =
                options("--optimizer=sgd", "--lr=1e30", "--clip=0", "--warmup=0", "--steps=3");
        assertThatThrownBy(() -> train(options)).isInstanceOf(TrainingDivergedException.class);
        RunOutcome outcome = RunOutcome.read(out, options);
        assertThat(outcome.state()).isEqualTo(State.DIVERGED);
        assertThat(outcome.finalLoss()).isInfinite();
        assertThat(outcome.steps()).isEqualTo(1); // the second step finds out
        assertThat(Files.readString(out.resolve("diverged.txt"))).contains("at step 2");
    }

    @Test
    void refusesAnotherRun() {
        train(options("--steps=3"));
        assertThatThrownBy(() -> RunOutcome.read(out, options("--steps=4")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("holds a run of 3 steps, not of 4");
        assertThatThrownBy(() -> RunOutcome.read(out, options("--steps=3", "--width=32")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(out + " holds another run: --width is 32");
    }

    private List<String> options(String... more) {
        return new ArrayList<>(List.of(TestText.options(text, out, more)));
    }

    private void train(List<String> options) {
        Runs.train(directory, options.toArray(String[]::new));
    }
}

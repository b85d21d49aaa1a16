package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunOutcomeTest extends Runs {

    @Test
    void tellsHowARunEnded() throws IOException {
        String[] options = {"--steps=3", "--eval-every=2"};
        assertThat(outcome(options).state()).isEqualTo(State.ABSENT);
        train(run, options);

        Metrics.Row last = rows(run).get(3);
        assertThat(outcome(options).state()).isEqualTo(State.FINISHED);
        assertThat(outcome(options).steps()).isEqualTo(3);
        assertThat(outcome(options).seconds()).isEqualTo(last.seconds()).isPositive();
        assertThat(outcome(options).finalLoss()).isEqualTo(last.validationLoss());
        assertThat(outcome(options).validationLosses()).containsOnlyKeys(0, 2, 3);

        Path metrics = run.resolve("metrics.csv");
        String whole = Files.readString(metrics);
        Files.writeString(metrics, whole.stripTrailing()); // as a full disk may
        assertThat(outcome(options).state()).isEqualTo(State.UNFINISHED);
        String loss = "," + last.validationLoss() + ",";
        Files.writeString(metrics, whole.replace(loss, ",,")); // as a stop in its validation does
        assertThat(outcome(options).state()).isEqualTo(State.UNFINISHED);
        resume(run);
        assertThat(outcome(options).finalLoss()).isEqualTo(last.validationLoss());
        Files.write(metrics, Files.readAllLines(metrics).subList(0, 4)); // steps 0 to 2
        assertThat(outcome(options).state()).isEqualTo(State.UNFINISHED);
        Files.delete(metrics);
        assertThat(outcome(options).state()).isEqualTo(State.UNFINISHED);
    }

    @Test
    void aDivergedRunHasAnInfiniteLoss() throws IOException {
        String[] options = {"--optimizer=sgd", "--lr=1e30", "--clip=0", "--warmup=0", "--steps=3"};
        assertThatThrownBy(() -> train(run, options)).isInstanceOf(TrainingDivergedException.class);
        assertThat(outcome(options).state()).isEqualTo(State.DIVERGED);
        assertThat(outcome(options).finalLoss()).isInfinite();
        assertThat(outcome(options).steps()).isEqualTo(1); // the second step finds out
        assertThat(Files.readString(run.resolve("diverged.txt"))).contains("at step 2");
    }

    @Test
    void aRunWhoseLastValidationIsNotANumberHasDiverged() throws IOException {
        String[] options = {"--optimizer=sgd", "--lr=1e30", "--clip=0", "--warmup=0", "--steps=1"};
        assertThatThrownBy(() -> train(run, options))
                .isInstanceOf(TrainingDivergedException.class)
                .hasMessageContaining("is NaN after step 1: lower --lr");
        assertThat(outcome(options).state()).isEqualTo(State.DIVERGED);
    }

    @Test
    void refusesAnotherRun() {
        train(run, "--steps=3");
        assertRefused(() -> outcome("--steps=4"), "holds a run of 3 steps, not of 4");
        assertRefused(
                () -> outcome("--steps=3", "--width=32"),
                run + " holds another run: --width is 32");
    }

    private RunOutcome outcome(String... options) {
        return RunOutcome.read(run, List.of(TestText.options(text, run, options)));
    }
}

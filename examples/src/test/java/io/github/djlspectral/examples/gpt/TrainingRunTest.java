package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import io.github.djlspectral.examples.data.Corpus;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingRunTest extends Runs {

    @ParameterizedTest
    @EnumSource(OptimizerChoice.class)
    void holdsTheSameArraysAfterEveryStep(OptimizerChoice optimizer) {
        TrainingOptions options = options("--optimizer=" + optimizer);
        try (Corpus corpus = loader().load(options.data, options.tokenizer);
                TrainingRun run = new TrainingRun(options, corpus, null, null, 0)) {
            run.step(() -> false);
            run.validate();
            int arrays = arrays(run);
            for (int i = 0; i < 10; i++) {
                run.step(() -> false);
                run.validate();
            }
            assertThat(arrays(run)).isEqualTo(arrays);
        }
    }

    @Test
    void aSkippedStepLeavesNoTraceButTheNextBatches() {
        TrainingOptions options = options("--skip-nonfinite", "1");
        AtomicInteger passes = new AtomicInteger();
        try (Corpus corpus = loader().load(options.data, options.tokenizer);
                TrainingRun run = new TrainingRun(options, corpus, null, null, 0);
                TrainingRun other = new TrainingRun(options, corpus, null, null, 0)) {
            run.step(() -> false);
            assertThatThrownBy(() -> run.step(() -> poison(run)))
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessageContaining("Step 2: ");
            assertThat(run.step()).isEqualTo(1);
            BooleanSupplier once = () -> passes.getAndIncrement() == 0 && poison(run);
            TrainingRun.StepResult result = run.stepOrSkip(once, System.out);
            assertThat(run.skipped).isEqualTo(1);
            assertThat(run.step()).isEqualTo(2);

            other.step(() -> false);
            other.skipped = 1; // as a resumed process does
            assertThat(other.step(() -> false)).isEqualTo(result);
            assertThat(other.validate()).isEqualTo(run.validate());
        }
    }

    private TrainingOptions options(String... more) {
        return TrainingOptions.of(TestText.options(text, run, more));
    }

    /** Puts NaN into a gradient between two backward passes. */
    private static boolean poison(TrainingRun run) {
        NDArray weight = run.block().getParameters().valueAt(0).getArray();
        try (NDArray gradient = weight.getGradient()) {
            gradient.setScalar(new NDIndex(0, 0), Float.NaN);
        }
        return false;
    }

    /** Counts what the trainer's manager and the model's, above it, hold. */
    private static int arrays(TrainingRun run) {
        return run.manager().getManagedArrays().size()
                + run.manager().getParentManager().getManagedArrays().size();
    }
}

package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEnvironmentUpdate;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What {@code train --spark} does where Spark is in this process. */
class SparkTrainingTest extends Runs {

    private static final String[] THREE = {
        "--spark=local[2]", "--workers=3", "--inner-steps=3", "--steps=10"
    };

    private Path other() {
        return directory.resolve("other");
    }

    private static byte[] weights(Path run, int step) throws IOException {
        return Files.readAllBytes(checkpoint(run, step).resolve("model.safetensors"));
    }

    @Test
    void oneWorkerIsTrainingOnOneMachine() throws IOException {
        train(run);
        String[] alone = {
            "--spark=local[1]", "--inner-steps=5", "--outer-lr=1", "--outer-momentum=0"
        };
        train(other(), alone);
        assertThat(weights(other(), 12)).isEqualTo(weights(run, 12));
        assertThat(rows(other())).extracting(Metrics.Row::step).containsExactly(0, 5, 10, 12);
        assertThat(rows(other()).get(3).validationLoss())
                .isEqualTo(rows(run).get(12).validationLoss());
        assertThat(rows(other()).get(2).rate()).isEqualTo(rows(run).get(10).rate());
        assertThat(rows(other()).get(3).tokens()).isEqualTo(rows(run).get(12).tokens());
        assertThat(output()).contains("round 3", "% communication");
    }

    /** What is fast on one machine may not be on another. */
    @Test
    void executorsMultiplyAsTheDriverDoes() {
        String listeners = "spark.extraListeners";
        System.setProperty(listeners, Flags.class.getName());
        try {
            train(run, "--spark=local[1]", "--steps=1");
        } finally {
            System.clearProperty(listeners);
        }
        assertThat(Flags.seen).contains("-Ddjlspectral.bfloat16=" + Bfloat16.onCpu());
    }

    /** Hears what executors are begun with. */
    public static final class Flags extends SparkListener {

        private static volatile String seen = "";

        @Override
        public void onEnvironmentUpdate(SparkListenerEnvironmentUpdate update) {
            seen = update.environmentDetails().apply("Spark Properties").mkString(" ");
        }
    }

    @Test
    @Tag("slow")
    void goesOnToTheBitFromACheckpoint() throws IOException {
        train(run, THREE);
        byte[] expected = weights(run, 10);
        assertThat(rows(run).get(4).tokens()).isEqualTo(3 * 10 * 4 * 2 * 16);
        deleteCheckpoint(run, 10);
        resume(run);
        assertThat(weights(run, 10)).isEqualTo(expected);
        assertThat(rows(run)).extracting(Metrics.Row::step).containsExactly(0, 3, 6, 9, 10);
        command("--resume", "--out=" + run, "--steps=11", "--spark=local[1]");
        assertThat(run.resolve("workers")).isDirectoryContaining("glob:**step-0000000011");
        assertRefused(
                () -> command("--resume", "--out=" + run, "--steps=12", "--workers=2"),
                "--workers is 2, but the run to resume has 3");
    }

    @Test
    void startsFromAModel() throws IOException {
        train(run, "--steps=4");
        train(other(), "--init=" + run, "--spark=local[1]", "--workers=2", "--steps=2");
        assertThat(rows(other()).get(0).validationLoss())
                .isEqualTo(rows(run).get(4).validationLoss());
    }

    @Test
    void eachWorkerHasAShareOfTheData() throws IOException {
        Path shards = Files.createDirectories(directory.resolve("shards"));
        for (int i = 0; i < 3; i++) {
            int[] tokens = IntStream.range(i, 400 + i).map(n -> n % 16 + 97).toArray();
            TokenShard.write(shards.resolve("train_" + i + ".bin"), tokens);
        }
        String[] bytes = {"--data=" + shards, "--tokenizer=bytes"};
        String[] two = {bytes[0], bytes[1], "--spark=local[1]", "--workers=2", "--steps=2"};
        train(run, two);
        assertThat(rows(run)).hasSize(2);
        two[3] = "--workers=4";
        assertRefused(
                () -> train(other(), two), "--workers is 4, but there are 3 shards to train on");
        assertThat(other()).doesNotExist();
    }

    @Test
    void divergenceOfAWorkerEndsTheRun() throws IOException {
        String[] wild = {"--spark=local[1]", "--lr=1e30", "--adamw-lr=1e30", "--warmup=0"};
        Assertions.assertThatThrownBy(() -> train(run, wild))
                .isInstanceOf(TrainingDivergedException.class)
                .hasMessageContaining("Worker 0 of 1, steps 1 to 12: ");
        assertThat(run.resolve("diverged.txt")).content().contains("Worker 0 of 1");
    }

    @Test
    void whatCannotBeIsRefused() {
        assertRefused(() -> train(run, "--workers=2"), "--workers is 2, but must be left out");
        assertRefused(() -> train(run, "--spark=here"), "--spark is here, but must be one of");
        assertRefused(() -> train(run, "--spark=local[1]", "--workers=0"), "--workers is 0");
        assertRefused(() -> train(run, "--spark=local[1]", "--inner-steps=0"), "--inner-steps");
        assertRefused(() -> train(run, "--spark=local[1]", "--outer-lr=0"), "outer rate is 0.0");
        String sgd = "--optimizer=sgd";
        assertRefused(() -> train(run, "--spark=local[1]", sgd), "--optimizer is sgd");
        String skip = "--skip-nonfinite=1";
        assertRefused(() -> train(run, "--spark=local[1]", skip), "--skip-nonfinite is 1");
        String[] short_ = {"--spark=local[1]", "--workers=2000"};
        assertRefused(() -> train(run, short_), "is too short: a context of 16 needs");
        assertThat(run).doesNotExist();
    }

    @Test
    @Tag("slow") // Spark tries for a minute
    void aMasterThatDoesNotAnswerIsNamed() {
        String nobody = "--spark=spark://127.0.0.1:1";
        assertRefused(() -> train(run, nobody), "--spark", "spark://127.0.0.1:1");
        assertThat(run).doesNotExist();
    }
}

package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.zoo.ChildJvm;
import io.github.djlspectral.zoo.FolderServer;
import io.github.djlspectral.zoo.LoadingProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** From training to another program, in processes of their own. */
class RoundTripTest {

    @TempDir private Path directory;
    private Path repository;

    @BeforeEach
    void setUp() {
        repository = directory.resolve("repository");
    }

    @Test
    void anotherProcessComputesTheSameBits() throws IOException, InterruptedException {
        Path early = train("early", 4);
        Path late = train("late", 8);
        publish(early, "0.1.0");
        publish(late, "0.2.0");
        String expected = logits(late);
        assertThat(expected).isNotEqualTo(logits(early));
        ChildJvm.Result local = load(repository.toString(), "first");
        assertThat(local.output()).contains("logits " + expected);
        assertThat(local.code()).isZero();
        try (FolderServer server = new FolderServer(repository)) {
            assertThat(load(server.url(), "second").output()).contains("logits " + expected);
            assertThat(server.takeRequests()).anyMatch(path -> path.endsWith(".params.gz"));
        }
    }

    @Test
    void theCardSaysHowTheModelCameAbout() throws IOException {
        publish(train("run", 10), "0.1.0", "--licence=CC0-1.0", "--name=A cycle of letters");
        String metadata =
                Files.readString(
                        repository.resolve(
                                "model/nlp/text_generation/io/github/djlspectral/gpt2/metadata.json"));
        assertThat(metadata)
                .as("it says nothing about this machine's folders")
                .doesNotContain(directory.toString());
        assertThat(metadata)
                .contains("\"name\": \"A cycle of letters\"", "\"licence\": \"CC0-1.0\"")
                .contains(
                        "\"steps\": \"10\"",
                        "\"validationStep\": \"10\"",
                        "\"optimizer\": \"muon\"")
                .contains(
                        "\"tokens\": \"1280\"",
                        "\"tokenizer\": \"chars\"",
                        "\"data\": \"cycle.txt: 18")
                .containsPattern("\"validationLoss\": \"\\d\\.\\d+\"")
                .contains(
                        "\"learningRate\": \"0.05\"", "\"pytorch\": \"2.", "\"dataChecksum\": \"");
    }

    @Test
    void aDryRunWritesNothing() throws IOException {
        publish(train("run", 4), "0.1.0", "--dry-run");
        assertThat(repository).doesNotExist();
    }

    private Path train(String name, int steps) throws IOException {
        Path text = TestText.write(directory);
        Path run = directory.resolve(name);
        Runs.train(directory, TestText.options(text, run, "--steps=" + steps));
        return run;
    }

    private void publish(Path run, String version, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of("--run=" + run, "--repo=" + repository, "--version=" + version));
        arguments.addAll(List.of(more));
        assertThat(new CommandLine(new PublishCommand()).execute(arguments.toArray(String[]::new)))
                .isZero();
    }

    private ChildJvm.Result load(String zoo, String cache)
            throws IOException, InterruptedException {
        return ChildJvm.run(LoadingProgram.class, zoo, directory.resolve(cache));
    }

    private static String logits(Path run) {
        try (SavedRun saved = SavedRun.open(run, "cpu", null);
                NDManager scratch = NDManager.newBaseManager()) {
            NDArray tokens =
                    scratch.create(
                            LoadingProgram.TOKENS, new Shape(1, LoadingProgram.TOKENS.length));
            return LoadingProgram.text(
                    saved.model()
                            .forward(new ParameterStore(scratch, false), new NDList(tokens), false)
                            .singletonOrThrow());
        }
    }
}

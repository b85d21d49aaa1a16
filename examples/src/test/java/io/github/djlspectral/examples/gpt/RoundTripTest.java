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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** From training to another program, in processes of their own. */
class RoundTripTest extends Runs {

    @Test
    void anotherProcessComputesTheSameBits() throws IOException, InterruptedException {
        Path early = directory.resolve("early");
        train(early, "--steps=4");
        train(run, "--steps=8");
        publish(early, "0.1.0");
        publish(run, "0.2.0");
        String expected = logits(run);
        assertThat(expected).isNotEqualTo(logits(early));
        ChildJvm.Result local = load(repository().toString(), "first");
        assertThat(local.output()).contains("logits " + expected);
        assertThat(local.code()).isZero();
        try (FolderServer server = new FolderServer(repository())) {
            assertThat(load(server.url(), "second").output()).contains("logits " + expected);
            assertThat(server.takeRequests()).anyMatch(path -> path.endsWith(".params.gz"));
        }
    }

    @Test
    void theCardSaysHowTheModelCameAbout() throws IOException {
        train(run, "--steps=10");
        publish(run, "0.1.0", "--dry-run");
        assertThat(repository()).doesNotExist();
        publish(run, "0.1.0", "--licence=CC0-1.0", "--name=A cycle of letters");
        String metadata =
                Files.readString(
                        repository()
                                .resolve("model/nlp/text_generation/io/github/djlspectral/gpt2")
                                .resolve("metadata.json"));
        assertThat(metadata)
                .as("it says nothing about this machine's folders")
                .doesNotContain(directory.toString());
        assertThat(metadata)
                .contains("\"name\": \"A cycle of letters\"", "\"licence\": \"CC0-1.0\"")
                .contains("\"steps\": \"10\"", "\"validationStep\": \"10\"", "\"tokens\": \"1280\"")
                .contains("\"optimizer\": \"muon\"", "\"tokenizer\": \"chars\"")
                .contains("\"data\": \"cycle.txt: 18", "\"dataChecksum\": \"crc32c 18")
                .containsPattern("\"validationLoss\": \"\\d\\.\\d+\"")
                .contains("\"learningRate\": \"0.05\"", "\"pytorch\": \"2.");
    }

    private Path repository() {
        return directory.resolve("repository");
    }

    private void publish(Path run, String version, String... more) {
        String[] arguments = {"--run=" + run, "--repo=" + repository(), "--version=" + version};
        String[] all = Stream.of(arguments, more).flatMap(Stream::of).toArray(String[]::new);
        assertThat(new CommandLine(new PublishCommand()).execute(all)).isZero();
    }

    private ChildJvm.Result load(String zoo, String cache)
            throws IOException, InterruptedException {
        return ChildJvm.run(LoadingProgram.class, zoo, directory.resolve(cache));
    }

    private static String logits(Path run) {
        try (SavedRun saved = SavedRun.open(run, "cpu", null);
                NDManager scratch = NDManager.newBaseManager()) {
            Shape shape = new Shape(1, LoadingProgram.TOKENS.length);
            NDArray tokens = scratch.create(LoadingProgram.TOKENS, shape);
            ParameterStore store = new ParameterStore(scratch, false);
            NDList logits = saved.model().forward(store, new NDList(tokens), false);
            return LoadingProgram.text(logits.singletonOrThrow());
        }
    }
}

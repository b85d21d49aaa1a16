package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.inference.Predictor;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program that loads over HTTP. */
class QuickStartTest {

    @TempDir private Path directory;

    @Test
    void aProgramOfFifteenLinesGeneratesText() throws Exception {
        Path repository = directory.resolve("repository");
        try (TinyModel model = new TinyModel(8);
                EmptyCache cache = EmptyCache.in(directory.resolve("cache"))) {
            assertThat(cache).isNotNull();
            new Publisher(repository).publish(model.publication("0.1.0").build());
            try (FolderServer server = new FolderServer(repository)) {
                assertThat(generate(server.url())).hasSizeBetween(1, 40);
            }
        }
    }

    private static String generate(String url) throws Exception {
        Criteria<String, String> criteria =
                Criteria.builder()
                        .setTypes(String.class, String.class)
                        .optModelZoo(SpectralZoo.at(url)) // or a folder, or -Ddjlspectral.zoo=<url>
                        .optGroupId("io.github.djlspectral")
                        .optArtifactId("gpt2") // the newest version
                        .optArgument("maxTokens", 40)
                        .build();
        try (ZooModel<String, String> model = criteria.loadModel();
                Predictor<String, String> predictor = model.newPredictor()) { // one per thread
            return predictor.predict("public static boolean isEmpty(");
        }
    }
}

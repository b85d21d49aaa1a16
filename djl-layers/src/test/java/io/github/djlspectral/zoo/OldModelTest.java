package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The folder {@code version-0.1.0} was published by version 0.1.0 of this project, which also
 * computed the logits beside it, and is never published again: whatever changes, it must load. The
 * model has learned a cycle of 16 letters, the one of {@link
 * io.github.djlspectral.examples.gpt.TestText}, for 60 steps.
 */
class OldModelTest {

    /** Other processors and versions of PyTorch may sum in another order. */
    private static final double ROUNDING = 1e-6;

    private static final String CYCLE = "qzkaxvjbwnopfmdu";

    @TempDir private Path directory;
    private EmptyCache cache;
    private Path resources;

    @BeforeEach
    void setUp() throws Exception {
        cache = EmptyCache.in(directory);
        resources = Path.of(OldModelTest.class.getResource("version-0.1.0").toURI()).getParent();
    }

    @AfterEach
    void tearDown() {
        cache.close();
    }

    @Test
    void itsLogitsAreTheSame() throws Exception {
        String[] expected =
                Files.readString(resources.resolve("version-0.1.0-logits.txt"))
                        .trim()
                        .split("\\s+");
        try (ZooModel<NDList, NDList> model = criteria(NDList.class).build().loadModel();
                Predictor<NDList, NDList> predictor = model.newPredictor();
                NDArray tokens =
                        model.getNDManager()
                                .create(
                                        LoadingProgram.TOKENS,
                                        new Shape(1, LoadingProgram.TOKENS.length));
                NDList result = predictor.predict(new NDList(tokens))) {
            float[] logits = result.singletonOrThrow().toFloatArray();
            assertThat(logits).hasSameSizeAs(expected);
            for (int i = 0; i < logits.length; i++) {
                assertThat((double) logits[i])
                        .as("logit " + i)
                        .isCloseTo(Double.parseDouble(expected[i]), within(ROUNDING));
            }
        }
    }

    @Test
    void itStillKnowsItsText() throws Exception {
        try (ZooModel<String, String> model =
                        criteria(String.class)
                                .optArgument("temperature", 0)
                                .optArgument("maxTokens", 2 * CYCLE.length())
                                .build()
                                .loadModel();
                Predictor<String, String> predictor = model.newPredictor()) {
            assertThat(predictor.predict(CYCLE)).isEqualTo(CYCLE.repeat(2));
        }
    }

    @Test
    void itStopsAtAString() throws Exception {
        try (ZooModel<String, String> model =
                        criteria(String.class)
                                .optArgument("temperature", 0)
                                .optArgument("stops", List.of("fm", "wn"))
                                .build()
                                .loadModel();
                Predictor<String, String> predictor = model.newPredictor()) {
            assertThat(predictor.predict(CYCLE)).isEqualTo("qzkaxvjb");
        }
    }

    private <T> Criteria.Builder<T, T> criteria(Class<T> type) {
        return Criteria.builder()
                .setTypes(type, type)
                .optModelZoo(SpectralZoo.at(resources.resolve("version-0.1.0").toString()))
                .optArtifactId("gpt2")
                .optFilter("version", "0.1.0");
    }
}

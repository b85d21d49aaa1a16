package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.MalformedModelException;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDList;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import ai.djl.util.Progress;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpectralZooTest {

    private static final String PROMPT = "Hello";

    @TempDir private Path directory;
    private Path repository;
    private EmptyCache cache;
    private TinyModel first;
    private TinyModel second;

    @BeforeEach
    void setUp() {
        repository = directory.resolve("repository");
        cache = EmptyCache.in(directory.resolve("cache"));
        first = new TinyModel(1);
        second = new TinyModel(2);
    }

    @AfterEach
    void tearDown() {
        System.clearProperty(SpectralZoo.PROPERTY);
        first.close();
        second.close();
        cache.close();
    }

    @Test
    void criteriaFindTheModelInAFolder() throws Exception {
        publish(first, "1.0.0");
        System.setProperty(SpectralZoo.PROPERTY, repository.toString());
        try (ZooModel<String, String> model = text().build().loadModel();
                Predictor<String, String> predictor = model.newPredictor()) {
            assertThat(((Gpt2) model.getBlock()).getConfig()).isEqualTo(TinyModel.CONFIG);
            assertThat(TinyModel.logits(model.getBlock(), model.getNDManager()))
                    .isEqualTo(first.logits());
            assertThat(model.getProperty("licence")).isEqualTo("Apache-2.0");
            assertThat(predictor.predict(PROMPT)).hasSizeBetween(1, 6).doesNotContain(PROMPT);
        }
    }

    @Test
    void criteriaFindTheModelOnAStaticServer() throws Exception {
        publish(first, "1.0.0");
        try (FolderServer server = new FolderServer(repository)) {
            System.setProperty(SpectralZoo.PROPERTY, server.url());
            assertThat(text().build().isDownloaded()).isFalse();
            assertLoads(text(), first);
            assertThat(text().build().isDownloaded()).isTrue();
        }
    }

    @Test
    void filesAreFetchedOnceAndMetadataAlways() throws Exception {
        publish(first, "1.0.0");
        try (FolderServer server = new FolderServer(repository)) {
            Criteria.Builder<String, String> criteria =
                    text().optModelZoo(SpectralZoo.at(server.url()));
            assertLoads(criteria, first);
            assertThat(server.takeRequests()).hasSize(4).filteredOn(isFile()).hasSize(2);
            assertLoads(criteria, first);
            assertThat(server.takeRequests()).hasSize(2).filteredOn(isFile()).isEmpty();
            publish(second, "1.0.1");
            assertLoads(criteria, second);
            assertThat(server.takeRequests()).filteredOn(isFile()).hasSize(2);
        }
    }

    private static Predicate<String> isFile() {
        return path -> path.endsWith(".gz");
    }

    @Test
    void takesTheNewestVersionUnlessOneIsNamed() throws Exception {
        publish(second, "0.10.0");
        publish(first, "0.9.1"); // older, though published later and greater as a text
        Criteria.Builder<String, String> criteria = text().optModelZoo(zoo());
        assertLoads(criteria, second);
        assertLoads(text().optModelZoo(zoo()).optFilter("version", "0.9.1"), first);
        assertLoads(text().optModelZoo(zoo()).optFilter("version", "0.10.0"), second);
        assertRefused(text().optModelZoo(zoo()).optFilter("version", "0.9.0"))
                .isInstanceOf(ModelNotFoundException.class)
                .rootCause()
                .hasMessageContaining("[0.10.0, 0.9.1]");
    }

    @Test
    void equalVersionsOfTwoRepositoriesAreNotMistaken() throws Exception {
        publish(first, "1.0.0");
        Path other = directory.resolve("other");
        new Publisher(other).publish(second.publication("1.0.0").build());
        assertLoads(text().optModelZoo(zoo()), first);
        assertLoads(text().optModelZoo(SpectralZoo.at(other.toString())), second);
    }

    @Test
    void aReplacedVersionIsFetchedAgain() throws Exception {
        publish(first, "1.0.0");
        assertLoads(text().optModelZoo(zoo()), first);
        new Publisher(repository).publish(second.publication("1.0.0").optReplacing(true).build());
        assertLoads(text().optModelZoo(zoo()), second);
    }

    @Test
    void offlineItLoadsWhatWasLoadedBefore() throws Exception {
        publish(first, "1.0.0");
        Criteria.Builder<String, String> criteria;
        try (FolderServer server = new FolderServer(repository)) {
            criteria = text().optModelZoo(SpectralZoo.at(server.url()));
            assertLoads(criteria, first);
        }
        assertRefused(criteria)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("index.json");
        System.setProperty("ai.djl.offline", "true");
        try {
            assertLoads(criteria, first);
        } finally {
            System.clearProperty("ai.djl.offline");
        }
    }

    @Test
    void plainDjlLoadsItFromTheFolder() throws Exception {
        publish(first, "0.9.0");
        publish(second, "0.10.0");
        Criteria<NDList, NDList> criteria =
                Criteria.builder()
                        .setTypes(NDList.class, NDList.class)
                        .optModelUrls(repository.toUri().toString())
                        .build();
        try (ZooModel<NDList, NDList> model = criteria.loadModel()) {
            assertThat(TinyModel.logits(model.getBlock(), model.getNDManager()))
                    .isEqualTo(second.logits());
        }
    }

    @Test
    void argumentsOfTheCriteriaDecideTheText() throws Exception {
        publish(first, "1.0.0");
        assertThat(predict(text().optModelZoo(zoo()).optArgument("seed", 2)))
                .isEqualTo(predict(text().optModelZoo(zoo()).optArgument("seed", 2L)))
                .isNotEqualTo(predict(text().optModelZoo(zoo()).optArgument("seed", 3)));
        assertRefused(text().optModelZoo(zoo()).optArgument("temperature", "hot"))
                .isInstanceOf(BadInputException.class)
                .hasMessage("temperature is 'hot', but must be a number");
        assertRefused(text().optModelZoo(zoo()).optArgument("max_tokens", 5))
                .isInstanceOf(BadInputException.class)
                .hasMessage("The argument max_tokens changes nothing: write maxTokens");
        Map<String, Double> illegal =
                Map.of("temperature", -1., "topK", -1., "topP", 2., "repetitionPenalty", 0.5);
        illegal.forEach(
                (name, value) ->
                        assertRefused(text().optModelZoo(zoo()).optArgument(name, value))
                                .isInstanceOf(BadInputException.class)
                                .hasMessageContaining("but must be"));
        assertRefused(Criteria.builder().setTypes(Integer.class, String.class).optModelZoo(zoo()))
                .isInstanceOf(ModelNotFoundException.class)
                .rootCause()
                .hasMessageContaining("does not turn java.lang.Integer into java.lang.String");
    }

    @Test
    void threadsShareAModel() throws Exception {
        publish(first, "1.0.0");
        ExecutorService threads = Executors.newFixedThreadPool(3);
        try (ZooModel<String, String> model = text().optModelZoo(zoo()).build().loadModel();
                Predictor<String, String> alone = model.newPredictor()) {
            String expected = alone.predict(PROMPT);
            List<Future<List<String>>> answers = new ArrayList<>();
            for (int thread = 0; thread < 3; thread++) {
                answers.add(threads.submit(() -> predictions(model)));
            }
            for (Future<List<String>> answer : answers) {
                assertThat(answer.get()).hasSize(5).containsOnly(expected);
            }
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void twoMayFetchTheSameAtATime() throws Exception {
        publish(first, "1.0.0");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try (FolderServer server = new FolderServer(repository)) {
            List<Future<String>> loads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                loads.add(
                        threads.submit(
                                () -> predict(text().optModelZoo(SpectralZoo.at(server.url())))));
            }
            String expected = predict(text().optModelZoo(zoo()));
            for (Future<String> load : loads) {
                assertThat(load.get()).isEqualTo(expected);
            }
        } finally {
            threads.shutdown();
        }
        try (Stream<Path> files = Files.walk(directory.resolve("cache"))) {
            assertThat(files.filter(Files::isDirectory))
                    .as("one folder, no temporary ones")
                    .filteredOn(folder -> folder.getFileName().toString().startsWith("gpt2-"))
                    .hasSize(1);
        }
    }

    private static List<String> predictions(ZooModel<String, String> model)
            throws TranslateException {
        List<String> texts = new ArrayList<>();
        try (Predictor<String, String> predictor = model.newPredictor()) {
            for (int i = 0; i < 5; i++) {
                texts.add(predictor.predict(PROMPT));
            }
        }
        return texts;
    }

    @Test
    void tellsTheProgress() throws Exception {
        Publisher.Release release =
                new Publisher(repository).publish(first.publication("1.0.0").build());
        Received received = new Received();
        assertLoads(text().optModelZoo(zoo()).optProgress(received), first);
        assertThat(received.bytes)
                .isEqualTo(received.expected)
                .isEqualTo(release.files().stream().mapToLong(file -> file.size()).sum());
        assertThat(received.ended).isTrue();
    }

    /** Adds up what it is told. */
    private static final class Received implements Progress {

        private long expected;
        private long bytes;
        private boolean ended;

        @Override
        public void reset(String message, long max, String trailingMessage) {
            expected = max;
        }

        @Override
        public void start(long initialProgress) {
            bytes = initialProgress;
        }

        @Override
        public void end() {
            ended = true;
        }

        @Override
        public void increment(long increment) {
            bytes += increment;
        }

        @Override
        public void update(long progress, String message) {
            bytes = progress;
        }
    }

    @Test
    void withoutAPlaceTheZooIsEmpty() {
        assertThat(ModelZoo.getModelZoo(SpectralZoo.GROUP).getModelLoaders()).isEmpty();
        assertThatThrownBy(() -> SpectralZoo.at("ftp://example.org/models"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ftp://example.org/models");
    }

    private SpectralZoo zoo() {
        return SpectralZoo.at(repository.toString());
    }

    private void publish(TinyModel model, String version) {
        new Publisher(repository).publish(model.publication(version).build());
    }

    private static Criteria.Builder<String, String> text() {
        return Criteria.builder()
                .setTypes(String.class, String.class)
                .optGroupId(SpectralZoo.GROUP)
                .optArtifactId("gpt2")
                .optArgument("maxTokens", 6);
    }

    private static AbstractThrowableAssert<?, ?> assertRefused(Criteria.Builder<?, ?> criteria) {
        return assertThatThrownBy(() -> criteria.build().loadModel());
    }

    private static String predict(Criteria.Builder<String, String> criteria)
            throws IOException,
                    ModelNotFoundException,
                    MalformedModelException,
                    TranslateException {
        try (ZooModel<String, String> model = criteria.build().loadModel();
                Predictor<String, String> predictor = model.newPredictor()) {
            return predictor.predict(PROMPT);
        }
    }

    private static void assertLoads(Criteria.Builder<String, String> criteria, TinyModel expected)
            throws IOException, ModelNotFoundException, MalformedModelException {
        try (ZooModel<String, String> model = criteria.build().loadModel()) {
            assertThat(TinyModel.logits(model.getBlock(), model.getNDManager()))
                    .isEqualTo(expected.logits());
        }
    }
}

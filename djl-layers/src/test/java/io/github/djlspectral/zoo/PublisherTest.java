package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Application;
import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.zoo.Publisher.Release;
import io.github.djlspectral.zoo.Publisher.StoredFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PublisherTest {

    private static final String FOLDER = "model/nlp/text_generation/io/github/djlspectral/gpt2";

    @TempDir private Path directory;
    private Path repository;
    private Publisher publisher;
    private TinyModel model;

    @BeforeEach
    void setUp() {
        repository = directory.resolve("repository");
        publisher = new Publisher(repository);
        model = new TinyModel(3);
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    @Test
    void writesWhatItSays() throws IOException {
        Release release = publisher.publish(model.publication("1.0.0").build());
        assertThat(release.files()).hasSize(2);
        JsonObject metadata = metadata();
        assertThat(metadata.get("metadataVersion").getAsString()).isEqualTo("0.2");
        JsonObject version = metadata.getAsJsonArray("artifacts").get(0).getAsJsonObject();
        assertThat(version.getAsJsonObject("properties").get("licence").getAsString())
                .isEqualTo("Apache-2.0");
        assertThat(metadata.getAsJsonObject("licenses").has("Apache-2.0")).isTrue();
        for (StoredFile file : release.files()) {
            Path path = repository.resolve(file.path());
            assertThat(Files.size(path)).isEqualTo(file.size());
            assertThat(sha1(path)).isEqualTo(file.sha1());
            String entry = version.getAsJsonObject("files").toString();
            assertThat(entry).contains(file.sha1(), path.getFileName().toString());
        }
        assertThat(snapshot(directory).keySet())
                .as("nothing else, and nothing beside the repository")
                .hasSize(2 + 3)
                .allMatch(path -> path.startsWith("repository/"));
    }

    /** The engine copies each parameter to the host. */
    @Test
    void leavesNothingOfAModelThatIsOnAGpu() {
        try (NDManager gpu = model.manager().newSubManager(Device.gpu())) {
            Gpt2 block = Gpt2.builder().setConfig(TinyModel.CONFIG).build();
            block.setInitializer(
                    (memory, shape, type) -> {
                        long handle = ((PtNDArray) memory.zeros(shape, type)).getHandle();
                        return new PtNDArray((PtNDManager) gpu, handle) {

                            @Override
                            public Device getDevice() {
                                return Device.gpu();
                            }

                            @Override
                            public void close() {}
                        };
                    },
                    parameter -> true);
            block.initialize(model.manager(), DataType.FLOAT32, new Shape(1, 1));
            int before = gpu.getManagedArrays().size();
            publisher.publish(TinyModel.publication(TinyModel.coordinates("1.0.0"), block).build());
            assertThat(gpu.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void addsVersionsAndKeepsEarlierOnesToTheLetter() throws IOException {
        publisher.publish(model.publication("1.0.0").build());
        String before = metadata().getAsJsonArray("artifacts").get(0).toString();
        Map<String, String> files = snapshot(repository);
        publisher.publish(model.publication("1.1.0").build());
        assertThat(metadata().getAsJsonArray("artifacts")).hasSize(2);
        assertThat(metadata().getAsJsonArray("artifacts").get(1)).hasToString(before);
        files.keySet().removeIf(path -> path.endsWith("metadata.json"));
        assertThat(snapshot(repository)).containsAllEntriesOf(files);
    }

    @Test
    void refusesAVersionThatExists() throws IOException {
        publisher.publish(model.publication("1.0.0").build());
        Map<String, String> before = snapshot(directory);
        Publication again = model.publication("1.0.0").optCard(Map.of("data", "other")).build();
        assertThatThrownBy(() -> publisher.publish(again))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has version 1.0.0 already");
        assertThatThrownBy(() -> publisher.preview(again)).isInstanceOf(BadInputException.class);
        assertThat(snapshot(directory)).isEqualTo(before);
    }

    @Test
    void replacesAVersionIfForced() throws IOException {
        publisher.publish(model.publication("1.0.0").build());
        Publication again =
                model.publication("1.0.0")
                        .optCard(Map.of("data", "other"))
                        .optReplacing(true)
                        .build();
        Map<String, String> before = snapshot(repository.resolve(FOLDER).resolve("1.0.0"));
        publisher.publish(again);
        assertThat(snapshot(repository.resolve(FOLDER).resolve("1.0.0")))
                .as("somebody may be reading them")
                .isEqualTo(before);
        assertThat(metadata().getAsJsonArray("artifacts")).hasSize(1);
        assertThat(metadata().toString()).contains("\"data\":\"other\"");
    }

    @Test
    void aPreviewWritesNothingAndSaysWhatWillBe() {
        Publication publication = model.publication("1.0.0").build();
        Release preview = publisher.preview(publication);
        assertThat(repository).doesNotExist();
        assertThat(publisher.publish(publication)).isEqualTo(preview);
    }

    @Test
    void whatFailsHalfwayLeavesTheRepositoryAsItWas() throws IOException {
        publisher.publish(model.publication("1.0.0").build());
        Map<String, String> before = snapshot(directory);
        Publication.Content last =
                out -> {
                    throw new IOException("No space left on device");
                };
        Publication broken = model.publication("1.1.0").optFile("last.bin", last).build();
        assertThatThrownBy(() -> publisher.publish(broken))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("No space left on device")
                .hasMessageContaining("the repository is as it was");
        assertThat(snapshot(directory)).isEqualTo(before);
        assertThat(repository.resolve(FOLDER).resolve("1.1.0")).doesNotExist();
    }

    /** The first publication too: there was no index. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void metadataThatCannotBeWrittenLeaveTheRepositoryAsItWas(boolean first) throws IOException {
        if (!first) {
            publisher.publish(model.publication("1.0.0").build());
        }
        Map<String, String> before = snapshot(directory);
        Path other = repository.resolve(FOLDER).resolveSibling("other");
        Publication broken =
                model.publication("1.0.0")
                        .setCoordinates(
                                new Coordinates(
                                        Application.NLP.TEXT_GENERATION,
                                        SpectralZoo.GROUP,
                                        "other",
                                        "1.0.0"))
                        .optFile(
                                "last.bin",
                                out -> Files.createDirectories(other.resolve("metadata.json/x")))
                        .build();
        assertThatThrownBy(() -> publisher.publish(broken))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("metadata.json")
                .hasMessageContaining("the repository is as it was");
        Map<String, String> after = snapshot(directory);
        if (first) {
            after.remove("repository/.lock");
        }
        assertThat(after).isEqualTo(before);
        assertThat(other.resolve("1.0.0")).doesNotExist();
    }

    @Test
    void refusesTwoAtATime() throws IOException {
        Files.createDirectories(repository);
        try (AtomicFiles.Lock lock = AtomicFiles.lock(repository)) {
            assertThat(lock).isNotNull();
            assertThatThrownBy(() -> publisher.publish(model.publication("1.0.0").build()))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("wait until it is done");
        }
        publisher.publish(model.publication("1.0.0").build());
    }

    @ParameterizedTest
    @CsvSource({
        "../x, gpt2, 1.0.0, group",
        "io..github, gpt2, 1.0.0, group",
        "io.github, ../gpt2, 1.0.0, artifact",
        "io.github, .., 1.0.0, artifact",
        "io.github, a/b, 1.0.0, artifact",
        "io.github, gpt2, 1.0, version",
        "io.github, gpt2, ../../1.0.0, version",
        "io.github, gpt2, 1.0.0-rc1, version"
    })
    void refusesCoordinatesThatLeadElsewhere(
            String group, String artifact, String version, String part) {
        assertThatThrownBy(() -> new Coordinates(Application.UNDEFINED, group, artifact, version))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith("The " + part + " is '");
    }

    @Test
    void acceptsApplicationsThatDjlFindsAgain() {
        for (Application application :
                new Application[] {
                    Application.NLP.TEXT_GENERATION,
                    Application.CV.IMAGE_CLASSIFICATION,
                    Application.UNDEFINED
                }) {
            assertThat(new Coordinates(application, "org.example", "a", "0.0.1").directory())
                    .isEqualTo("model/" + application.getPath() + "/org/example/a");
        }
        assertThatThrownBy(() -> new Coordinates(null, "org.example", "a", "0.0.1"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("The application is null");
    }

    @Test
    void refusesFileNamesThatLeadElsewhere() {
        for (String name : new String[] {"../tokenizer.json", "a/b", "..", "", "/etc/x"}) {
            assertThatThrownBy(() -> model.publication("1.0.0").optFile(name, new byte[1]))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("without folders");
        }
    }

    @Test
    void refusesWhatIsNotComplete() {
        Publication.Builder clash =
                model.publication("1.0.0").optFile("gpt2-0000.params", new byte[1]);
        assertThatThrownBy(clash::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("gpt2-0000.params");
        Publication.Builder builder = Publication.builder();
        assertThatThrownBy(builder::build).hasMessageContaining("setCoordinates(..)");
        builder.setCoordinates(TinyModel.coordinates("1.0.0"));
        builder.setBlock(Gpt2.builder().setConfig(TinyModel.CONFIG).build());
        assertThatThrownBy(builder::build).hasMessageContaining("setBlockFactory");
        builder.setBlockFactory(Gpt2BlockFactory.class, Map.of());
        assertThatThrownBy(builder::build).hasMessageContaining("no parameters yet");
    }

    @Test
    void refusesLinksThatLeadElsewhere() throws IOException {
        Path outside = Files.createDirectory(directory.resolve("outside"));
        Files.createDirectories(repository);
        Files.createSymbolicLink(repository.resolve("model"), outside);
        assertThatThrownBy(() -> publisher.publish(model.publication("1.0.0").build()))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("leads out of the repository");
        assertThat(outside).isEmptyDirectory();
    }

    @Test
    void doesNotTouchMetadataThatItCannotRead() throws IOException {
        publisher.publish(model.publication("1.0.0").build());
        Path file = repository.resolve(FOLDER).resolve("metadata.json");
        Files.writeString(file, Files.readString(file).replace("\"0.2\"", "\"0.3\""));
        Map<String, String> before = snapshot(directory);
        assertThatThrownBy(() -> publisher.publish(model.publication("1.1.0").build()))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has metadataVersion 0.3");
        assertThat(snapshot(directory)).isEqualTo(before);
    }

    @Test
    void blocksWithoutTranslatorTakeArrays() throws Exception {
        try (EmptyCache cache = EmptyCache.in(directory.resolve("cache"))) {
            assertThat(cache).isNotNull();
            Coordinates coordinates =
                    new Coordinates(Application.UNDEFINED, "org.example", "plain", "2.0.0");
            publisher.publish(
                    Publication.builder()
                            .setCoordinates(coordinates)
                            .setBlock(model.block())
                            .setBlockFactory(
                                    Gpt2BlockFactory.class,
                                    Gpt2BlockFactory.arguments(TinyModel.CONFIG, Precision.FLOAT32))
                            .build());
            Criteria<NDList, NDList> criteria =
                    Criteria.builder()
                            .setTypes(NDList.class, NDList.class)
                            .optModelZoo(SpectralZoo.at(repository.toString(), "org.example"))
                            .build();
            try (ZooModel<NDList, NDList> loaded = criteria.loadModel()) {
                assertThat(TinyModel.logits(loaded.getBlock(), loaded.getNDManager()))
                        .isEqualTo(model.logits());
            }
        }
    }

    private JsonObject metadata() throws IOException {
        Path file = repository.resolve(FOLDER).resolve("metadata.json");
        return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    }

    /** Returns the checksum of every file below a folder, by path. */
    private static Map<String, String> snapshot(Path folder) throws IOException {
        Map<String, String> sums = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                sums.put(folder.relativize(path).toString(), sha1(path));
            }
        }
        return sums;
    }

    private static String sha1(Path file) throws IOException {
        try (DigestInputStream in =
                new DigestInputStream(Files.newInputStream(file), Catalog.sha1())) {
            in.readAllBytes();
            return Catalog.hex(in.getMessageDigest());
        }
    }

    @Test
    void aKilledPublicationIsNotSeen() throws Exception {
        try (EmptyCache cache = EmptyCache.in(directory.resolve("cache"))) {
            assertThat(cache).isNotNull();
            publisher.publish(model.publication("1.0.0").build());
            ChildJvm.Result child =
                    ChildJvm.run(
                            HaltingProgram.class,
                            repository.toString(),
                            directory.resolve("cache"),
                            repository.toString());
            assertThat(child.code()).as(child.output()).isEqualTo(HaltingProgram.CODE);
            try (Stream<Path> files = Files.list(repository.resolve(FOLDER))) {
                assertThat(files.map(file -> file.getFileName().toString()))
                        .as("it got that far")
                        .anyMatch(name -> name.matches("1\\.1\\.0\\.[0-9-]+\\.tmp"));
            }
            assertThat(version()).isEqualTo("1.0.0");
            publisher.publish(model.publication("1.1.0").build());
            assertThat(version()).isEqualTo("1.1.0");
        }
    }

    private String version() throws Exception {
        Criteria<String, String> criteria =
                Criteria.builder()
                        .setTypes(String.class, String.class)
                        .optModelZoo(SpectralZoo.at(repository.toString()))
                        .build();
        try (ZooModel<String, String> model = criteria.loadModel()) {
            return model.getProperty("version");
        }
    }
}

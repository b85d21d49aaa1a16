package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.MalformedModelException;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Repositories that are broken, or mean harm. */
class DamagedZooTest {

    @TempDir private Path directory;
    private Path repository;
    private Path artifact;
    private EmptyCache cache;

    @BeforeEach
    void setUp() {
        repository = directory.resolve("repository");
        artifact = repository.resolve("model/nlp/text_generation/io/github/djlspectral/gpt2");
        cache = EmptyCache.in(directory.resolve("cache"));
        try (TinyModel model = new TinyModel(4)) {
            new Publisher(repository).publish(model.publication("1.0.0").build());
        }
    }

    @AfterEach
    void tearDown() {
        cache.close();
    }

    @Test
    void aChangedFileIsNamedAndNotLoaded() throws IOException {
        Path file = parameters();
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.getFileName() + " is damaged: its SHA-1 is");
        assertNothingIsCached();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 3 << 16})
    void aFileOfAnotherLengthIsNamedAndNotLoaded(int more) throws IOException {
        Path file = parameters();
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length + more));
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.getFileName() + " is damaged: its size is");
        assertNothingIsCached();
    }

    @Test
    void aMissingFileIsNamed() throws IOException {
        Path file = parameters();
        Files.delete(file);
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.getFileName() + " does not exist");
        assertNothingIsCached();
    }

    @Test
    void aBrokenConnectionIsAnErrorAndTheNextAttemptWorks() throws Exception {
        try (FolderServer server = new FolderServer(repository)) {
            server.breakAfter(100);
            assertThatThrownBy(() -> load(server.url()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(parameters().getFileName() + " did not arrive whole");
            assertNothingIsCached();
            server.breakAfter(-1);
            load(server.url());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 40}) // bytes in each 100 ms
    void aSilentServerIsLeft(int trickle) throws Exception {
        try (FolderServer server = new FolderServer(repository)) {
            Http.get(URI.create(server.url() + "/index.json")).body().close(); // may begin slowly
            System.setProperty(Http.TIMEOUT_PROPERTY, "0.3");
            server.stallAfter(100, trickle);
            assertThatThrownBy(() -> load(server.url()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(parameters().getFileName().toString())
                    .hasMessageContaining("bytes in 0.3 s");
            assertNothingIsCached();
        } finally {
            System.clearProperty(Http.TIMEOUT_PROPERTY);
        }
    }

    @Test
    void anEndlessIndexIsRefused() throws IOException {
        Path index = repository.resolve("index.json");
        try (RandomAccessFile file = new RandomAccessFile(index.toFile(), "rw")) {
            file.setLength(1L << 33); // takes no room on disk
        }
        assertThatThrownBy(this::load)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining(index.toString())
                .hasMessageContaining("more than 16777216 bytes");
    }

    @Test
    void aFileThatUnpacksToFarTooMuchIsRefused() throws Exception {
        Path file = parameters();
        MessageDigest sum = MessageDigest.getInstance("SHA-1");
        try (OutputStream packed =
                new GZIPOutputStream(new DigestOutputStream(Files.newOutputStream(file), sum))) {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 65; i++) { // 64 MiB are allowed
                packed.write(zeros);
            }
        }
        Path metadata = artifact.resolve("metadata.json");
        String text = Files.readString(metadata);
        JsonObject item =
                JsonParser.parseString(text)
                        .getAsJsonObject()
                        .getAsJsonArray("artifacts")
                        .get(0)
                        .getAsJsonObject()
                        .getAsJsonObject("files")
                        .getAsJsonObject("gpt2-0000.params");
        Files.writeString(
                metadata,
                text.replace(
                                item.get("sha1Hash").getAsString(),
                                HexFormat.of().formatHex(sum.digest()))
                        .replace(
                                "\"size\": " + item.get("size").getAsLong(),
                                "\"size\": " + Files.size(file)));
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Cannot unpack")
                .hasMessageContaining("more than 67108864 bytes");
        assertNothingIsCached();
    }

    @Test
    void aServerThatFailsIsNamed() throws IOException {
        try (FolderServer server = new FolderServer(repository)) {
            server.answer(503);
            assertThatThrownBy(() -> load(server.url()))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(server.url() + "/index.json")
                    .hasMessageContaining("503");
            Files.delete(parameters());
            server.answer(0);
            assertThatThrownBy(() -> load(server.url()))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("The server has no " + server.url());
        }
    }

    @Test
    void anUnreachableServerIsNamed() throws IOException {
        int free;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            free = socket.getLocalPort();
        }
        String url = "http://127.0.0.1:" + free + "/models";
        assertThatThrownBy(() -> load(url))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot read " + url + "/index.json");
        assertThatThrownBy(() -> load(directory.resolve("none").toString()))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("none/index.json does not exist");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"metadataVersion\": \"0.2\" | \"metadataVersion\": \"0.3\" | has metadataVersion"
                        + " 0.3",
                "\"name\": \"tokenizer.json\" | \"name\": \"../../tokenizer.json\" | malformed file"
                        + " name",
                "\"name\": \"tokenizer.json\" | \"name\": \"gpt2-0000.params\" | two files of one"
                        + " name",
                "\"name\": \"tokenizer.json\" | \"name\": null | null",
                "\"uri\": \"1.0.0/tokenizer | \"uri\": \"../../tokenizer | outside the repository",
                "\"uri\": \"1.0.0/tokenizer | \"uri\": \"/etc/tokenizer | outside the repository",
                "\"uri\": \"1.0.0/tokenizer | \"uri\": \"http://example.org/tokenizer | outside the"
                        + " repository",
                "\"uri\": \"1.0.0/tokenizer | \"uri\": \"1.0.0/%2e%2e/tokenizer | outside the"
                        + " repository",
                "\"version\": \"1.0.0\", | \"version\": \"../../../1.0.0\", | malformed version",
                "\"name\": \"gpt2\", | \"name\": \"../../gpt2\", | malformed artifact name",
                "\"sha1Hash\": \" | \"sha1Hash\": \"0 | no valid SHA-1",
                "'\"size\": ' | '\"size\": -' | no valid size",
                "\"artifactId\": \"gpt2\" | \"artifactId\": \"other\" | of another model",
                "\"artifacts\" | \"articles\" | lists no versions",
                "{ | [ | not the metadata of a model"
            })
    void metadataAreNotTrusted(String text, String replacement, String message) throws IOException {
        Path file = artifact.resolve("metadata.json");
        String changed = Files.readString(file).replace(text, replacement);
        assertThat(changed).isNotEqualTo(Files.readString(file));
        Files.writeString(file, changed);
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("gpt2/metadata.json")
                .hasMessageContaining(message);
        assertNothingIsCached();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"indexVersion\": \"1\" | \"indexVersion\": \"2\" | has indexVersion 2",
                "\"gpt2\" | \"../../gpt2\" | cannot be",
                "nlp/text | ../../text | cannot be",
                "{ | [ | is not the index"
            })
    void theIndexIsNotTrusted(String text, String replacement, String message) throws IOException {
        Path file = repository.resolve("index.json");
        Files.writeString(file, Files.readString(file).replace(text, replacement));
        assertThatThrownBy(this::load)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("index.json")
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "zoo.Gpt2BlockFactory | zoo.Gpt9BlockFactory | zoo.Gpt9BlockFactory as its Block",
                "zoo.TextTranslator | zoo.PoemTranslator | PoemTranslatorFactory as its Translator",
                "\"width\": 4 | \"width\": 6 | {width=4}, this one is of {width=6}",
                "\"width\": 4 | \"depth\": 4 | lack the argument width",
                "\"layers\": 1 | \"layers\": 1e12 | layers is '1.0E12', but must be a whole",
                "\"layers\": 1 | \"layers\": 1e9 | metadata describe one of at least",
                "\"layers\": 1 | \"layers\": \"one\" | layers is 'one', but must be a whole number"
            })
    void argumentsThatDoNotFitAreNamed(String text, String replacement, String message)
            throws IOException {
        Path file = artifact.resolve("metadata.json");
        String changed = Files.readString(file).replace(text, replacement);
        assertThat(changed).isNotEqualTo(Files.readString(file));
        Files.writeString(file, changed);
        assertThatThrownBy(this::load).hasMessageContaining(message);
    }

    @Test
    void aDamagedCacheIsNamed() throws Exception {
        load();
        Path cached;
        try (Stream<Path> files = Files.walk(directory.resolve("cache"))) {
            cached = files.filter(file -> file.endsWith("gpt2-0000.params")).findFirst().get();
        }
        byte[] bytes = Files.readAllBytes(cached);
        Files.write(cached, Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(this::load)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("delete this folder")
                .hasMessageContaining(cached.getParent().toString());
        Files.writeString(cached, "parameters of something else");
        assertThatThrownBy(this::load)
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("no parameters in DJL's format");
    }

    @Test
    void anIndexBeforeItsMetadataIsNoModel() throws IOException {
        delete(artifact);
        assertThatThrownBy(this::load)
                .isInstanceOf(ModelNotFoundException.class)
                .rootCause()
                .hasMessageContaining("metadata.json");
    }

    @Test
    void aDamagedTokenizerIsNamed() {
        try (TinyModel model = new TinyModel(5)) {
            new Publisher(repository)
                    .publish(
                            model.publication("1.0.1")
                                    .optFile(TextTranslatorFactory.TOKENIZER, new byte[] {'{'})
                                    .build());
        }
        assertThatThrownBy(this::load)
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("tokenizer.json does not describe a tokenizer");
    }

    private void load() throws Exception {
        load(repository.toString());
    }

    private void load(String place) throws Exception {
        Criteria.builder()
                .setTypes(String.class, String.class)
                .optArtifactId("gpt2")
                .optModelZoo(SpectralZoo.at(place))
                .build()
                .loadModel()
                .close();
    }

    private Path parameters() throws IOException {
        try (Stream<Path> files = Files.list(artifact.resolve("1.0.0"))) {
            return files.filter(file -> file.toString().contains(".params"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** Nothing is left in the cache, nor written beside it. */
    private void assertNothingIsCached() throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            assertThat(files)
                    .filteredOn(Files::isRegularFile)
                    .filteredOn(file -> !file.startsWith(repository))
                    .allMatch(file -> file.toString().endsWith(".json"))
                    .noneMatch(file -> file.toString().contains("tokenizer"));
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}

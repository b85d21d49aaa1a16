package io.github.djlspectral.examples.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.data.Downloader.Check;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.zoo.Http;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.apache.commons.codec.digest.DigestUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DownloaderTest {

    private static final int SIZE = 300_000;

    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();
    @TempDir private Path folder;
    private byte[] content;
    private FileServer server;
    private Downloader downloader;

    @BeforeEach
    void start() throws IOException {
        content = new byte[SIZE];
        new Random(1).nextBytes(content);
        server = new FileServer(content);
        downloader = new Downloader(folder, new PrintStream(messages, true), "use other data");
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private Path fetch(Check check) {
        return downloader.fetch(server.uri(), Path.of("set", "data.txt"), check);
    }

    private Path fetch() {
        return fetch(sha256());
    }

    private Check sha256() {
        return Check.sum("SHA-256", DigestUtils.sha256Hex(content));
    }

    private void refused(Check check, String... words) {
        assertThatThrownBy(() -> fetch(check))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll(words)
                .hasMessageNotContaining("\n");
    }

    private Path partial() {
        return folder.resolve("set").resolve("data.txt.part");
    }

    private void havePartial(byte[] bytes) throws IOException {
        Files.createDirectories(partial().getParent());
        Files.write(partial(), bytes);
    }

    @Test
    void downloadsOnce() {
        assertThat(fetch()).isEqualTo(folder.resolve("set/data.txt")).hasBinaryContent(content);
        assertThat(fetch()).hasBinaryContent(content);
        assertThat(server.ranges()).containsExactly("all");
        assertThat(partial()).doesNotExist();
        assertThat(messages.toString(UTF_8)).contains("Downloading " + server.uri());
    }

    /** Whether that is the beginning of the file, of another, the whole or too much. */
    @Test
    void continuesWhatAnEarlierProcessLeft() throws IOException {
        byte[] beginning = Arrays.copyOf(content, 100_000);
        byte[][] left = {beginning, new byte[100_000], content, Arrays.copyOf(content, SIZE + 1)};
        for (byte[] bytes : left) {
            havePartial(bytes);
            assertThat(fetch()).hasBinaryContent(content);
            Files.delete(fetch());
        }
        assertThat(String.join(" ", server.ranges()).replace("bytes=", ""))
                .isEqualTo("100000- 100000- all 300000- 300001- all");
    }

    @Test
    void continuesAfterABrokenConnection() {
        server.breakAfter(70_000, 2);
        assertThat(fetch()).hasBinaryContent(content);
        assertThat(server.ranges()).containsExactly("all", "bytes=70000-", "bytes=140000-");
    }

    @Test
    void aBreakThatBroughtNothingIsNotTriedAgain() {
        server.breakAfter(0, 100);
        refused(sha256(), "Cannot download " + server.uri());
        assertThat(server.ranges()).containsExactly("all");
    }

    @Test
    void aSilentServerIsLeft() {
        server.stallAfter(70_000);
        System.setProperty(Http.TIMEOUT_PROPERTY, "0.3");
        try {
            refused(Check.ANY, "Cannot download", "less than 1024 bytes in 0.3 s, 70000 in all");
            assertThat(fetch()).hasBinaryContent(content);
            System.setProperty(Http.TIMEOUT_PROPERTY, "soon");
            refused(Check.gitBlob("0"), "-Ddjlspectral.timeout is soon");
        } finally {
            System.clearProperty(Http.TIMEOUT_PROPERTY);
        }
    }

    @Test
    void keepsWhatArrivedWhenTheConnectionKeepsBreaking() {
        server.breakAfter(1_000, 100);
        refused(sha256(), "Cannot download " + server.uri(), "try again");
        assertThat(partial()).hasSize(5_000);
        server.breakAfter(0, 0);
        assertThat(fetch()).hasBinaryContent(content);
        assertThat(server.ranges()).endsWith("bytes=5000-");
    }

    @Test
    void startsAgainWhenTheServerKnowsNoRanges() throws IOException {
        havePartial(Arrays.copyOf(content, 100_000));
        server.ignoreRanges();
        assertThat(fetch()).hasBinaryContent(content);
    }

    @Test
    void damagedFileIsDownloadedAgain() throws IOException {
        Path path = fetch();
        Files.write(path, new byte[SIZE]);
        assertThat(fetch()).hasBinaryContent(content);
    }

    @Test
    void wrongContentIsDeletedAndReported() {
        String is =
                "SHA-256 is " + DigestUtils.sha256Hex(content) + " instead of 0; it was deleted";
        refused(Check.sum("SHA-256", "0"), is);
        assertThat(folder.resolve("set")).isEmptyDirectory();
    }

    @Test
    void unpinnedFileIsNeverPiecedTogether() throws IOException {
        havePartial(new byte[100_000]);
        assertThat(fetch(Check.ANY)).hasBinaryContent(content);
        assertThat(server.ranges()).containsExactly("all");
    }

    @Test
    void errorOfTheServerIsReported() {
        server.answer(404);
        refused(sha256(), "answered 404 to " + server.uri());
    }

    @Test
    void followsRedirections() {
        URI moved = server.uri().resolve("/moved");
        assertThat(downloader.fetch(moved, Path.of("x"), sha256())).hasBinaryContent(content);
    }

    @Test
    void noNetworkIsReported() {
        server.close();
        refused(sha256(), "check the network", "; or use other data");
    }

    @Test
    void gitBlobIsCheckedLikeGitHashObjectDoes() throws IOException {
        Path hello = Files.writeString(folder.resolve("hello"), "hello\n");
        Check check = Check.gitBlob("ce013625030ba8dba906f756967f9e9ca394464a");
        assertThat(check.problem(hello)).isEmpty();
        Files.writeString(hello, "hullo\n");
        assertThat(check.problem(hello)).get().asString().contains("git blob id");
    }

    @Test
    void tokenShardIsCheckedByItsHeader() throws IOException {
        Path shard = folder.resolve("shard.bin");
        TokenShard.write(shard, new int[] {1, 2, 3});
        assertThat(Check.TOKEN_SHARD.problem(shard)).isEmpty();
        Files.write(shard, Arrays.copyOf(Files.readAllBytes(shard), 1028));
        assertThat(Check.TOKEN_SHARD.problem(shard)).get().asString().contains("promises 3");
        Files.writeString(shard, "<html>an error</html>!");
        assertThat(Check.TOKEN_SHARD.problem(shard)).get().asString().contains("magic");
    }
}

package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenShardTest {

    private static final int HEADER_BYTES = 1024;

    @TempDir private Path folder;
    private Path file;

    @BeforeEach
    void nameTheFile() {
        file = folder.resolve("tokens.bin");
    }

    @Test
    void theChecksumIsThatOfAllTokensOfAPart() throws IOException {
        int[] tokens = new int[(1 << 20) + 5];
        Path file = folder.resolve("a.bin");
        TokenShard.write(file, tokens);
        long before = checksum(file, 0, tokens.length);
        long part = checksum(file, 1, 100);
        tokens[tokens.length - 1] = 1;
        TokenShard.write(file, tokens);
        assertThat(checksum(file, 0, tokens.length)).isNotEqualTo(before);
        assertThat(checksum(file, 1, 100)).isEqualTo(part);
        assertThat(checksum(file, 0, tokens.length - 1)).isEqualTo(zeros(tokens.length - 1));
    }

    private static long checksum(Path file, long from, long to) {
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
            return shard.slice(from, to).checksum();
        }
    }

    private static long zeros(int tokens) {
        CRC32C sum = new CRC32C();
        sum.update(new byte[2 * tokens]);
        return sum.getValue();
    }

    @Test
    void bytesAreThoseOfLlmC() throws IOException {
        TokenShard.write(file, new int[] {0, 1, 50256, 65535});
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        assertThat(bytes.capacity()).isEqualTo(HEADER_BYTES + 8);
        assertThat(bytes.getInt(0)).isEqualTo(20240520);
        assertThat(bytes.getInt(4)).isEqualTo(1);
        assertThat(bytes.getInt(8)).isEqualTo(4);
        assertThat(Arrays.copyOfRange(bytes.array(), 12, HEADER_BYTES)).containsOnly(0);
        assertThat(Arrays.copyOfRange(bytes.array(), HEADER_BYTES, HEADER_BYTES + 8))
                .containsExactly(0, 0, 1, 0, 0x50, 0xC4, 0xFF, 0xFF);
    }

    @Test
    void readsWhatItWrote() {
        int[] tokens = IntStream.range(0, 200_000).map(i -> (i * 7919) & 0xFFFF).toArray();
        TokenShard.write(file, tokens);
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
            assertThat(shard.length()).isEqualTo(tokens.length);
            int[] all = new int[tokens.length];
            shard.read(0, all);
            assertThat(all).isEqualTo(tokens);
            assertThat(shard.token(199_999)).isEqualTo(tokens[199_999]);
            assertThatThrownBy(() -> shard.token(200_000))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> shard.read(199_999, new int[2]))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void readsShardsWithoutHeader() throws IOException {
        Files.write(file, new byte[] {1, 0, (byte) 0x50, (byte) 0xC4, 2, 1});
        try (TokenShard shard = TokenShard.open(file, 50257)) {
            int[] all = new int[3];
            shard.read(0, all);
            assertThat(all).containsExactly(1, 50256, 258);
        }
        Files.write(file, new byte[] {7, 0});
        try (TokenShard shard = TokenShard.open(file, 50257)) {
            assertThat(shard.length()).isOne();
            assertThat(shard.token(0)).isEqualTo(7);
        }
    }

    @Test
    void sliceCountsFromItsBeginning() {
        TokenShard.write(file, new int[] {10, 11, 12, 13, 14, 15});
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE);
                TokenShard slice = shard.slice(2, 5).slice(1, 3)) {
            assertThat(slice.length()).isEqualTo(2);
            assertThat(slice.token(0)).isEqualTo(13);
            assertThat(slice.token(1)).isEqualTo(14);
            assertThatThrownBy(() -> slice.token(2)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> shard.slice(2, 7))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void closedShardCannotBeRead() {
        TokenShard.write(file, new int[] {1});
        TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE);
        shard.close();
        assertThatThrownBy(() -> shard.token(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void tokenBeyondTheVocabularyIsReported() {
        TokenShard.write(file, new int[] {1, 255, 256});
        try (TokenShard shard = TokenShard.open(file, 256)) {
            assertThat(shard.token(1)).isEqualTo(255);
            assertThatThrownBy(() -> shard.token(2))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("token 256 at position 2")
                    .hasMessageContaining("[0, 256)");
        }
        assertThatThrownBy(() -> TokenShard.open(file, 65537))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aShardHasTheModeOfNewFiles() throws IOException {
        TokenShard.write(file, new int[] {1});
        Path ordinary = Files.createFile(folder.resolve("ordinary"));
        if (Files.getFileStore(folder).supportsFileAttributeView("posix")) {
            assertThat(Files.getPosixFilePermissions(file))
                    .isEqualTo(Files.getPosixFilePermissions(ordinary));
        }
    }

    @Test
    void tokenThatDoesNotFitIsNotWritten() {
        TokenShard.write(file, new int[] {7});
        assertThatThrownBy(() -> TokenShard.write(file, new int[] {1, 65536}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("65536 at position 1");
        assertThatThrownBy(() -> TokenShard.write(file, new int[0]))
                .isInstanceOf(IllegalArgumentException.class);
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
            assertThat(shard.token(0)).isEqualTo(7);
        }
        assertThat(folder)
                .isDirectoryContaining("glob:**.bin")
                .isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void folderThatCannotBeWrittenIsReported() throws IOException {
        Files.writeString(file, "a file where a folder is needed");
        assertThatThrownBy(() -> TokenShard.write(file.resolve("x.bin"), new int[] {1}))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot write");
    }

    @Test
    void missingFileIsReported() {
        assertRefused("There is no file");
    }

    @Test
    void emptyOrOddFileIsReported() throws IOException {
        Files.write(file, new byte[0]);
        assertRefused("0 bytes");
        Files.write(file, new byte[13]);
        assertRefused("13 bytes");
    }

    @Test
    void cutOffFileIsReported() throws IOException {
        TokenShard.write(file, new int[] {1, 2, 3});
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 2));
        assertRefused("promises 3 tokens, 1030 bytes");
        Files.write(file, Arrays.copyOf(whole, whole.length + 2));
        assertRefused("promises 3 tokens, 1030 bytes");
        Files.write(file, Arrays.copyOf(whole, 512));
        assertRefused("ends inside its header");
    }

    @Test
    void otherVersionIsReported() throws IOException {
        writeHeader(20240520, 2);
        assertRefused("version 2");
    }

    @Test
    void otherMagicNumberIsReported() throws IOException {
        writeHeader(20240801, 1);
        assertRefused("magic number 20240801 instead of 20240520");
    }

    private void writeHeader(int magic, int version) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + 4).order(ByteOrder.LITTLE_ENDIAN);
        Files.write(file, bytes.putInt(magic).putInt(version).putInt(2).array());
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining(message);
    }
}

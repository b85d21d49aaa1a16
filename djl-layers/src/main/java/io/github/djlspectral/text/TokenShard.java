package io.github.djlspectral.text;

import io.github.djlspectral.io.AtomicFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * A sequence of tokens in a memory-mapped file of little-endian unsigned 16-bit numbers, either
 * with llm.c's header (256 x int32: magic 20240520, version 1, number of tokens, zeros) or, as
 * nanoGPT writes them, without a header. Immutable and thread-safe until closed.
 */
public final class TokenShard implements AutoCloseable {

    /** The largest vocabulary whose tokens fit into 16 bits. */
    public static final int MAX_VOCAB_SIZE = 1 << 16;

    private static final int SEGMENT_BITS = 29; // 2^29 tokens: 1 GiB, below a buffer's 2 GiB
    private static final int SEGMENT_TOKENS = 1 << SEGMENT_BITS;
    private static final int WRITE_TOKENS = 1 << 16;

    private final Path file;
    private final int vocabSize;
    private final long start;
    private final long length;
    private volatile ByteBuffer[] segments;

    private TokenShard(Path file, int vocabSize, long start, long length, ByteBuffer[] segments) {
        this.file = file;
        this.vocabSize = vocabSize;
        this.start = start;
        this.length = length;
        this.segments = segments;
    }

    /**
     * Says what is wrong with a file that should be a complete shard with a header.
     *
     * @param file the file
     * @return what is wrong; empty if nothing is
     * @throws IOException if it cannot be read
     */
    public static Optional<String> problem(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return ShardHeader.read(file, channel).bytes() == 0
                    ? Optional.of("it does not begin with the magic number " + ShardHeader.MAGIC)
                    : Optional.empty();
        } catch (BadInputException e) {
            return Optional.of(e.getMessage());
        }
    }

    /**
     * Maps a file of tokens of any vocabulary.
     *
     * @param file the file, in llm.c's format if it begins with its magic number, else headerless
     * @return the tokens
     * @throws BadInputException if the file is missing, empty, of odd length, has another version,
     *     or its length differs from what its header says
     */
    public static TokenShard open(Path file) {
        return open(file, MAX_VOCAB_SIZE);
    }

    /**
     * Maps a file of tokens of a known vocabulary.
     *
     * @param file the file, in llm.c's format if it begins with its magic number, else headerless
     * @param vocabSize the number of different tokens, in [1, 65536]; reading another token throws
     * @return the tokens
     * @throws BadInputException if the file is missing, empty, of odd length, has another version,
     *     or its length differs from what its header says
     * @throws IllegalArgumentException if the vocabulary size is out of range
     */
    public static TokenShard open(Path file, int vocabSize) {
        requireVocabSize(vocabSize);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            int headerBytes = ShardHeader.read(file, channel).bytes();
            long length = (channel.size() - headerBytes) / Short.BYTES;
            return new TokenShard(file, vocabSize, 0, length, map(channel, headerBytes, length));
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the token shard " + file + " (" + e + ")", e);
        }
    }

    private static void requireVocabSize(int vocabSize) {
        if (vocabSize < 1 || vocabSize > MAX_VOCAB_SIZE) {
            throw new IllegalArgumentException(
                    "Vocabulary size " + vocabSize + " is outside [1, " + MAX_VOCAB_SIZE + "]");
        }
    }

    private static ByteBuffer[] map(FileChannel channel, int headerBytes, long length)
            throws IOException {
        int count = Math.toIntExact((length + SEGMENT_TOKENS - 1) >> SEGMENT_BITS);
        ByteBuffer[] segments = new ByteBuffer[count];
        for (int i = 0; i < count; i++) {
            long from = (long) i << SEGMENT_BITS;
            long tokens = Math.min(SEGMENT_TOKENS, length - from);
            segments[i] =
                    channel.map(
                                    FileChannel.MapMode.READ_ONLY,
                                    headerBytes + from * Short.BYTES,
                                    tokens * Short.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN);
        }
        return segments;
    }

    /**
     * Writes tokens in llm.c's format, atomically: the file is complete or does not exist.
     *
     * @param file the file to write or replace; its folder is created if necessary
     * @param tokens the tokens, each in [0, 65535]; at least one
     * @throws IllegalArgumentException if there is no token or one is out of range
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public static void write(Path file, int[] tokens) {
        if (tokens.length == 0) {
            throw new IllegalArgumentException("A token shard needs at least one token");
        }
        for (int i = 0; i < tokens.length; i++) {
            if (tokens[i] < 0 || tokens[i] >= MAX_VOCAB_SIZE) {
                throw new IllegalArgumentException(
                        "Token "
                                + tokens[i]
                                + " at position "
                                + i
                                + " does not fit into 16 bits, [0, 65535]");
            }
        }
        AtomicFiles.write(file, channel -> writeTokens(channel, tokens));
    }

    private static void writeTokens(FileChannel channel, int[] tokens) throws IOException {
        AtomicFiles.writeFully(channel, ShardHeader.create(tokens.length));
        ByteBuffer buffer =
                ByteBuffer.allocate(WRITE_TOKENS * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < tokens.length; from += WRITE_TOKENS) {
            buffer.clear();
            int to = Math.min(from + WRITE_TOKENS, tokens.length);
            for (int i = from; i < to; i++) {
                buffer.putShort((short) tokens[i]);
            }
            AtomicFiles.writeFully(channel, buffer.flip());
        }
    }

    /**
     * Returns the number of tokens.
     *
     * @return at least 0
     */
    public long length() {
        return length;
    }

    /**
     * Returns the file that holds the tokens.
     *
     * @return the path given to {@link #open}
     */
    public Path file() {
        return file;
    }

    /**
     * Reads one token.
     *
     * @param index the position, in [0, {@link #length})
     * @return the token
     * @throws IndexOutOfBoundsException if the position is out of range
     * @throws BadInputException if the token is not in the vocabulary
     */
    public int token(long index) {
        int[] into = new int[1];
        read(index, into);
        return into[0];
    }

    /**
     * Reads consecutive tokens.
     *
     * @param from the position of the first, in [0, {@link #length} - {@code into.length}]
     * @param into receives the tokens; filled completely
     * @throws IndexOutOfBoundsException if a position is out of range
     * @throws BadInputException if a token is not in the vocabulary
     * @throws IllegalStateException if the shard is closed
     */
    public void read(long from, int[] into) {
        Objects.checkFromIndexSize(from, (long) into.length, length);
        ByteBuffer[] open = open();
        for (int i = 0; i < into.length; i++) {
            long position = start + from + i;
            ByteBuffer segment = open[(int) (position >> SEGMENT_BITS)];
            int place = (int) (position & (SEGMENT_TOKENS - 1)) * Short.BYTES;
            into[i] = Short.toUnsignedInt(segment.getShort(place));
            if (into[i] >= vocabSize) {
                throw new BadInputException(
                        "The token shard "
                                + file
                                + " has token "
                                + into[i]
                                + " at position "
                                + position
                                + ", beyond the vocabulary [0, "
                                + vocabSize
                                + "): it was made with another tokenizer");
            }
        }
    }

    private ByteBuffer[] open() {
        ByteBuffer[] open = segments;
        if (open == null) {
            throw new IllegalStateException("The token shard " + file + " is closed");
        }
        return open;
    }

    /**
     * Returns a checksum of all tokens, against change, not malice. It reads the whole file, some
     * gigabytes a second.
     *
     * @return the CRC-32C of the tokens as they lie in the file
     * @throws IllegalStateException if the shard is closed
     */
    public long checksum() {
        CRC32C sum = new CRC32C();
        ByteBuffer[] open = open();
        long end = start + length;
        for (long from = start, to; from < end; from = to) {
            to = Math.min(end, ((from >> SEGMENT_BITS) + 1) << SEGMENT_BITS);
            long first = from >> SEGMENT_BITS << SEGMENT_BITS;
            sum.update(
                    open[(int) (from >> SEGMENT_BITS)]
                            .duplicate()
                            .limit((int) (to - first) * Short.BYTES)
                            .position((int) (from - first) * Short.BYTES));
        }
        return sum.getValue();
    }

    /**
     * Returns a part of these tokens, in the same mapped memory. Closing either closes only itself.
     *
     * @param from the first position, in [0, {@code to}]
     * @param to one beyond the last position, at most {@link #length}
     * @return the tokens from {@code from} to {@code to - 1}
     * @throws IndexOutOfBoundsException if the positions are out of range
     */
    public TokenShard slice(long from, long to) {
        Objects.checkFromToIndex(from, to, length);
        return new TokenShard(file, vocabSize, start + from, to - from, segments);
    }

    /** Lets go of the mapped memory; the garbage collector unmaps it later. */
    @Override
    public void close() {
        segments = null;
    }

    @Override
    public String toString() {
        return file + " (" + length + " tokens)";
    }
}

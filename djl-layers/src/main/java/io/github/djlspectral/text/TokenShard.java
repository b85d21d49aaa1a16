package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.io.AtomicFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.zip.CRC32C;

/**
 * A sequence of tokens in a memory-mapped file of little-endian unsigned 16-bit numbers, either
 * with llm.c's header (256 x int32: magic 20240520, version 1, number of tokens, zeros) or, as
 * nanoGPT writes them, without a header. Immutable and thread-safe until closed.
 */
public final class TokenShard implements AutoCloseable {

    /** The largest vocabulary whose tokens fit into 16 bits. */
    public static final int MAX_VOCAB_SIZE = 1 << 16;

    private static final int MAGIC = 20240520;
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 256 * Integer.BYTES;
    private static final int SEGMENT_BITS = 29; // 2^29 tokens: 1 GiB, below a buffer's 2 GiB
    private static final long SEGMENT_TOKENS = 1 << SEGMENT_BITS;
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
     * {@return the tokens of a file, which is mapped}
     *
     * @param file the file, in llm.c's format if it begins with its magic number, else headerless
     * @param vocabSize the number of different tokens, in [1, 65536]; reading another token throws
     * @throws BadInputException if the file is missing, empty, of odd length, has another version,
     *     its length differs from what its header says, or the vocabulary size is out of range
     */
    public static TokenShard open(Path file, int vocabSize) {
        boolean legal = vocabSize >= 1 && vocabSize <= MAX_VOCAB_SIZE;
        String range = "The vocabulary size is %s, but must be in [1, %s]";
        unless(legal, range, vocabSize, MAX_VOCAB_SIZE);
        try (FileChannel channel = FileChannel.open(file)) {
            long header = headerBytes(file, channel);
            long length = (channel.size() - header) / Short.BYTES;
            ByteBuffer[] segments =
                    new ByteBuffer[Math.toIntExact((length - 1 >> SEGMENT_BITS) + 1)];
            for (int i = 0; i < segments.length; i++) {
                long from = i * SEGMENT_TOKENS;
                long bytes = Math.min(SEGMENT_TOKENS, length - from) * Short.BYTES;
                long offset = header + from * Short.BYTES;
                segments[i] = channel.map(FileChannel.MapMode.READ_ONLY, offset, bytes);
                segments[i].order(ByteOrder.LITTLE_ENDIAN);
            }
            return new TokenShard(file, vocabSize, 0, length, segments);
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the token shard " + file + " (" + e + ")", e);
        }
    }

    /** Returns the length of a file's header, after checking it; 0 if there is none. */
    private static int headerBytes(Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        String odd = "%s has %s bytes, not a positive multiple of 2: empty, cut off or no shard";
        unless(size > 0 && size % Short.BYTES == 0, odd, file, size);
        ByteBuffer header = buffer(HEADER_BYTES);
        for (int read = 0; read >= 0 && header.hasRemaining(); ) {
            read = channel.read(header, header.position());
        }
        boolean whole = !header.hasRemaining();
        LfsPointer.refuse(file, header.flip());
        int magic = header.limit() < Integer.BYTES ? 0 : header.getInt(0);
        if (magic != MAGIC) {
            // Some numbers and then a thousand zeros are no text but the header of another format.
            ByteBuffer zeros = buffer(HEADER_BYTES - 12);
            String other =
                    "%s begins with the magic number %s instead of %s: made for another model";
            boolean foreign = whole && header.position(12).equals(zeros);
            unless(!foreign, other, file, magic, MAGIC);
            return 0;
        }
        String again = ": download or prepare it again";
        unless(whole, "%s ends inside its header" + again, file);
        int version = header.getInt(4);
        String old = "%s has version %s; only version %s, of 16-bit tokens, can be read";
        unless(version == VERSION, old, file, version, VERSION);
        long tokens = Integer.toUnsignedLong(header.getInt(8));
        long bytes = HEADER_BYTES + tokens * Short.BYTES;
        String cut = "%s has %s bytes, but its header promises %s tokens, %s bytes" + again;
        unless(tokens > 0 && size == bytes, cut, file, size, tokens, bytes);
        return HEADER_BYTES;
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Writes tokens in llm.c's format, atomically: the file is complete or does not exist.
     *
     * @param file the file to write or replace; its folder is created if necessary
     * @param tokens the tokens, each in [0, 65535]; at least one
     * @throws BadInputException if there is no token or one is out of range
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public static void write(Path file, int[] tokens) {
        unless(tokens.length > 0, "A token shard needs at least one token");
        for (int i = 0; i < tokens.length; i++) {
            if (tokens[i] < 0 || tokens[i] >= MAX_VOCAB_SIZE) {
                String token = "Token " + tokens[i] + " at position " + i;
                throw new BadInputException(token + " does not fit into 16 bits, [0, 65535]");
            }
        }
        AtomicFiles.write(file, channel -> writeTokens(channel, tokens));
    }

    private static void writeTokens(FileChannel channel, int[] tokens) throws IOException {
        ByteBuffer header = buffer(HEADER_BYTES);
        header.putInt(0, MAGIC).putInt(4, VERSION).putInt(8, tokens.length);
        AtomicFiles.writeFully(channel, header);
        ByteBuffer buffer = buffer(WRITE_TOKENS * Short.BYTES);
        for (int from = 0; from < tokens.length; from += WRITE_TOKENS) {
            buffer.clear();
            int to = Math.min(from + WRITE_TOKENS, tokens.length);
            Arrays.stream(tokens, from, to).forEach(token -> buffer.putShort((short) token));
            AtomicFiles.writeFully(channel, buffer.flip());
        }
    }

    /** {@return the number of tokens, at least 0} */
    public long length() {
        return length;
    }

    /**
     * {@return one token}
     *
     * @param index the position, in [0, {@link #length})
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
            int place = (int) (position & (SEGMENT_TOKENS - 1)) * Short.BYTES;
            int token = Short.toUnsignedInt(open[(int) (position >> SEGMENT_BITS)].getShort(place));
            if (token >= vocabSize) {
                String what = file + " has token " + token + " at position " + position;
                String beyond = ", beyond the vocabulary [0, " + vocabSize + "): it was made with";
                throw new BadInputException(what + beyond + " another tokenizer");
            }
            into[i] = token;
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
     * {@return the CRC-32C of the tokens as they lie in the file, against change, not malice} It
     * reads them all, some gigabytes a second.
     *
     * @throws IllegalStateException if the shard is closed
     */
    public long checksum() {
        CRC32C sum = new CRC32C();
        ByteBuffer[] open = open();
        long end = start + length;
        for (long from = start, to; from < end; from = to) {
            int segment = (int) (from >> SEGMENT_BITS);
            long first = segment * SEGMENT_TOKENS;
            to = Math.min(end, first + SEGMENT_TOKENS);
            int limit = (int) (to - first) * Short.BYTES;
            int position = (int) (from - first) * Short.BYTES;
            sum.update(open[segment].duplicate().limit(limit).position(position));
        }
        return sum.getValue();
    }

    /**
     * {@return a part of these tokens, in the same mapped memory} Closing either closes only
     * itself.
     *
     * @param from the first position, in [0, {@code to}]
     * @param to one beyond the last position, at most {@link #length}
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

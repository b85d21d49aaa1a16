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
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;

/**
 * A sequence of tokens in a memory-mapped file of little-endian unsigned 16-bit numbers, either
 * with llm.c's header (256 x int32: magic 20240520, version 1, number of tokens, zeros) or, as
 * nanoGPT writes them, without a header. One of {@link TextRecord}s has 1 as the header's fourth
 * number and after the tokens as many marks, which say what is to be learned and where a record
 * ends. Immutable and thread-safe until closed.
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

    // marks of tokens; the last of a record, its end of text, is learned too
    static final int LEARNED = 1;
    static final int ENDS = 2;

    private final Path file;
    private final int vocabSize;
    private final long start;
    private final long length;
    private final long marks; // how far a token's mark is behind it; 0 without marks
    private volatile Supplier<ByteBuffer[]> segments;

    private TokenShard(
            Path file, int vocab, long start, long length, long marks, Supplier<ByteBuffer[]> all) {
        this.file = file;
        vocabSize = vocab;
        this.start = start;
        this.length = length;
        this.marks = marks;
        segments = all;
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
        String range = "The vocabulary size is %s, but must be in [1, %s]";
        unless(vocabSize >= 1 && vocabSize <= MAX_VOCAB_SIZE, range, vocabSize, MAX_VOCAB_SIZE);
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer header = buffer(HEADER_BYTES);
            int begin = readHeader(file, channel, header);
            long length = (channel.size() - begin) / Short.BYTES;
            boolean marked = begin > 0 && header.getInt(12) != 0;
            ByteBuffer[] segments =
                    new ByteBuffer[Math.toIntExact((length - 1 >> SEGMENT_BITS) + 1)];
            for (int i = 0; i < segments.length; i++) {
                long from = i * SEGMENT_TOKENS;
                long bytes = Math.min(SEGMENT_TOKENS, length - from) * Short.BYTES;
                long offset = begin + from * Short.BYTES;
                segments[i] = channel.map(FileChannel.MapMode.READ_ONLY, offset, bytes);
                segments[i].order(ByteOrder.LITTLE_ENDIAN);
            }
            long tokens = marked ? length / 2 : length;
            return new TokenShard(file, vocabSize, 0, tokens, marked ? tokens : 0, () -> segments);
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the token shard " + file + " (" + e + ")", e);
        }
    }

    /**
     * {@return the tokens of a shard that is not needed before one of them is read}
     *
     * @param file what it is called
     * @param vocabSize as for {@link #open}
     * @param length the number of tokens; the shard may have more
     * @param from the shard, without records; asked each time, also by parts of this one
     */
    public static TokenShard lazy(
            Path file, int vocabSize, long length, Supplier<TokenShard> from) {
        return new TokenShard(file, vocabSize, 0, length, 0, () -> from.get().open());
    }

    /** Returns the length of a file's header, after checking it; 0 if there is none. */
    private static int readHeader(Path file, FileChannel channel, ByteBuffer header)
            throws IOException {
        long size = channel.size();
        String odd = "%s has %s bytes, not a positive multiple of 2: empty, cut off or no shard";
        unless(size > 0 && size % Short.BYTES == 0, odd, file, size);
        for (int read = 0; read >= 0 && header.hasRemaining(); ) {
            read = channel.read(header, header.position());
        }
        boolean whole = !header.hasRemaining();
        LfsPointer.refuse(file, header.flip());
        int magic = header.limit() < Integer.BYTES ? 0 : header.getInt(0);
        if (magic != MAGIC) {
            // Some numbers and then a thousand zeros are no text but the header of another format.
            ByteBuffer zeros = buffer(HEADER_BYTES - 12);
            String strange =
                    "%s begins with the magic number %s instead of %s: made for another model";
            boolean foreign = whole && header.position(12).equals(zeros);
            unless(!foreign, strange, file, magic, MAGIC);
            return 0;
        }
        String again = ": download or prepare it again";
        unless(whole, "%s ends inside its header" + again, file);
        int version = header.getInt(4);
        String old = "%s has version %s; only version %s, of 16-bit tokens, can be read";
        unless(version == VERSION, old, file, version, VERSION);
        long tokens = Integer.toUnsignedLong(header.getInt(8));
        int marked = header.getInt(12);
        String other = "%s has %s as its fourth number: only 0 and 1 are known";
        unless(marked == 0 || marked == 1, other, file, marked);
        long bytes = HEADER_BYTES + tokens * Short.BYTES * (1 + marked);
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
        writeAll(file, tokens);
    }

    /**
     * Writes records one after the other, each with an end-of-text token behind it, and what of
     * them is to be learned: the completion and that token. Prompt and completion are tokenized
     * each by itself, as the prompt alone is when a model serves.
     *
     * @param file the file to write or replace; its folder is created if necessary
     * @param records the records, at least one
     * @param tokenizer the tokenizer, which has an end of text: GPT-2's have, others get one by
     *     {@link Tokenizer#withEndOfText}
     * @throws BadInputException if there is no record, the tokenizer has no end of text or a
     *     character is not in its vocabulary
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public static void write(Path file, List<TextRecord> records, Tokenizer tokenizer) {
        String none =
                "The tokenizer %s has no end of text to put between records: give it one, as"
                        + " by withEndOfText(List.of(0)) for the byte 0";
        int[] end = tokenizer.end();
        unless(end.length == 1, none, tokenizer.name());
        List<int[][]> all = records.parallelStream().map(r -> r.encode(tokenizer, end)).toList();
        int[] tokens = all.stream().map(part -> part[0]).flatMapToInt(Arrays::stream).toArray();
        int[] marks = all.stream().map(part -> part[1]).flatMapToInt(Arrays::stream).toArray();
        writeAll(file, tokens, marks);
    }

    private static void writeAll(Path file, int[] tokens, int[]... marks) {
        unless(tokens.length > 0, "A token shard needs at least one token");
        String rule = "Token %s at position %s does not fit into 16 bits, [0, 65535]";
        IntStream bad = IntStream.range(0, tokens.length).filter(i -> tokens[i] >>> Short.SIZE > 0);
        bad.findFirst().ifPresent(i -> unless(false, rule, tokens[i], i));
        AtomicFiles.write(
                file,
                channel -> {
                    ByteBuffer header = buffer(HEADER_BYTES);
                    header.putInt(0, MAGIC).putInt(4, VERSION).putInt(8, tokens.length);
                    AtomicFiles.writeFully(channel, header.putInt(12, marks.length));
                    writeNumbers(channel, tokens);
                    for (int[] each : marks) {
                        writeNumbers(channel, each);
                    }
                });
    }

    private static void writeNumbers(FileChannel channel, int... numbers) throws IOException {
        ByteBuffer buffer = buffer(WRITE_TOKENS * Short.BYTES);
        for (int from = 0; from < numbers.length; from += WRITE_TOKENS) {
            buffer.clear();
            int to = Math.min(from + WRITE_TOKENS, numbers.length);
            Arrays.stream(numbers, from, to).forEach(number -> buffer.putShort((short) number));
            AtomicFiles.writeFully(channel, buffer.flip());
        }
    }

    /** {@return the number of tokens, at least 0} */
    public long length() {
        return length;
    }

    /** {@return whether these are records, with marks of what is to be learned} */
    public boolean hasRecords() {
        return marks > 0;
    }

    /**
     * {@return whether a token is to be learned; without records all are}
     *
     * @param index the position, in [0, {@link #length})
     * @throws IndexOutOfBoundsException if the position is out of range
     */
    public boolean isLearned(long index) {
        Objects.checkIndex(index, length);
        return marks == 0 || mark(index) != 0;
    }

    boolean endsRecord(long index) {
        return marks > 0 && mark(index) == ENDS;
    }

    private int mark(long index) {
        return number(open(), start + index + marks);
    }

    private static int number(ByteBuffer[] open, long position) {
        int place = (int) (position & (SEGMENT_TOKENS - 1)) * Short.BYTES;
        return Short.toUnsignedInt(open[(int) (position >> SEGMENT_BITS)].getShort(place));
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
            int token = number(open, position);
            if (token >= vocabSize) {
                String what = file + " has token " + token + " at position " + position;
                String beyond = ", beyond the vocabulary [0, " + vocabSize + "): it was made with";
                throw new BadInputException(what + beyond + " another tokenizer");
            }
            into[i] = token;
        }
    }

    private ByteBuffer[] open() {
        Supplier<ByteBuffer[]> open = segments;
        if (open == null) {
            throw new IllegalStateException("The token shard " + file + " is closed");
        }
        return open.get();
    }

    /**
     * {@return the CRC-32C of the tokens as they lie in the file, and of the marks of records,
     * against change, not malice} It reads them all, some gigabytes a second.
     *
     * @throws IllegalStateException if the shard is closed
     */
    public long checksum() {
        CRC32C sum = new CRC32C();
        add(sum, start);
        if (marks > 0) {
            add(sum, start + marks);
        }
        return sum.getValue();
    }

    private void add(CRC32C sum, long begin) {
        ByteBuffer[] open = open();
        long end = begin + length;
        for (long from = begin, to; from < end; from = to) {
            int segment = (int) (from >> SEGMENT_BITS);
            long first = segment * SEGMENT_TOKENS;
            to = Math.min(end, first + SEGMENT_TOKENS);
            int limit = (int) (to - first) * Short.BYTES;
            int position = (int) (from - first) * Short.BYTES;
            sum.update(open[segment].duplicate().limit(limit).position(position));
        }
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
        return new TokenShard(file, vocabSize, start + from, to - from, marks, segments);
    }

    /**
     * {@return one of some parts of about the same length} With records each ends where one does.
     *
     * @param number which part, from 0
     * @param count how many parts, more than {@code number}
     */
    public TokenShard part(int number, int count) {
        return slice(border(number, count), border(number + 1, count));
    }

    private long border(int number, int count) {
        long border = length / count * number + length % count * number / count;
        while (hasRecords() && border > 0 && border < length && !endsRecord(border - 1)) {
            border++;
        }
        return border;
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

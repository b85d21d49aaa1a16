package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A file in the safetensors format, of any length. Only one array is in memory at a time, and
 * bfloat16 becomes float32 before an engine sees it.
 */
public final class SafetensorsFile implements TensorSource {

    /** The format's own limit, in bytes. */
    private static final int MAX_HEADER = 100_000_000;

    private static final int CHUNK = 1 << 20;

    private final Path path;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path path, SafetensorsHeader header) {
        this.path = path;
        this.header = header;
    }

    /**
     * Reads and checks the header of a file.
     *
     * @param path the file
     * @return the file, which is opened again for each array
     * @throws IOException if the file cannot be read, or is not in the format: the header is no
     *     JSON text, a name occurs twice, arrays overlap, leave gaps or lie outside the file, or
     *     have another length than their shape says
     */
    public static SafetensorsFile open(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path)) {
            int beginning = (int) Math.min(LfsPointer.LENGTH, channel.size());
            LfsPointer.refuse(path, read(channel, 0, littleEndian(beginning)));
            SafetensorsHeader header = header(channel);
            header.check(channel.size());
            return new SafetensorsFile(path, header);
        } catch (IllegalArgumentException | ArithmeticException | EOFException e) {
            throw new IOException(path + " is not a safetensors file: " + e.getMessage(), e);
        }
    }

    private static SafetensorsHeader header(FileChannel channel) throws IOException {
        long length = read(channel, 0, littleEndian(Long.BYTES)).getLong();
        long rest = channel.size() - Long.BYTES;
        if (length < 0 || length > Math.min(rest, MAX_HEADER)) {
            throw new IllegalArgumentException(
                    "its header should have "
                            + Long.toUnsignedString(length)
                            + " bytes, but "
                            + (length > rest ? rest + " are left" : MAX_HEADER + " are the most"));
        }
        ByteBuffer text = read(channel, Long.BYTES, littleEndian((int) length));
        try {
            return new SafetensorsHeader(Long.BYTES + length, SafetensorsParser.parse(text));
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    text.limit() > 0 && text.get(text.limit() - 1) == 0
                            ? "its header is padded with NUL bytes where the format has spaces:"
                                    + " write it again with the safetensors library"
                            : "its header is not JSON as the format has it ("
                                    + e.getMessage()
                                    + ")",
                    e);
        }
    }

    @Override
    public Set<String> names() {
        return header.entries().keySet();
    }

    @Override
    public Shape shape(String name) {
        return entry(name).shape();
    }

    /**
     * Returns the format of an array's numbers.
     *
     * @param name one of {@link #names}
     * @return the format
     * @throws IllegalArgumentException if there is no such array
     * @throws BadInputException if the array's numbers are of another kind
     */
    public FloatFormat format(String name) {
        String type = entry(name).type();
        return Stream.of(FloatFormat.values())
                .filter(format -> format.name().equals(type))
                .findFirst()
                .orElseThrow(() -> new BadInputException(unsupported(name, type)));
    }

    private String unsupported(String name, String type) {
        String formats =
                Arrays.stream(FloatFormat.values())
                        .map(FloatFormat::name)
                        .collect(Collectors.joining(", "));
        return path + " has " + name + " as " + type + "; convert it to one of " + formats;
    }

    @Override
    public float[] read(String name) {
        TensorEntry entry = entry(name);
        FloatFormat format = format(name);
        long size = entry.shape().size();
        if (size > Integer.MAX_VALUE) {
            throw new BadInputException(
                    path
                            + " has "
                            + name
                            + " with "
                            + size
                            + " elements, more than an array's "
                            + Integer.MAX_VALUE);
        }
        float[] values = new float[(int) size];
        ByteBuffer buffer = littleEndian(CHUNK);
        int perChunk = CHUNK / format.bytes();
        try (FileChannel channel = FileChannel.open(path)) {
            for (int done = 0; done < values.length; done += perChunk) {
                int count = Math.min(perChunk, values.length - done);
                long position = header.dataStart() + entry.begin() + (long) done * format.bytes();
                read(channel, position, buffer.clear().limit(count * format.bytes()));
                format.decode(buffer, values, done, count);
            }
            return values;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + name + " from " + path, e);
        }
    }

    private TensorEntry entry(String name) {
        TensorEntry entry = header.entries().get(name);
        if (entry == null) {
            throw new IllegalArgumentException(path + " has no array " + name);
        }
        return entry;
    }

    /** Fills a buffer up to its limit. */
    private static ByteBuffer read(FileChannel channel, long from, ByteBuffer buffer)
            throws IOException {
        while (buffer.hasRemaining()) {
            int count = channel.read(buffer, from + buffer.position());
            if (count < 0) {
                throw new EOFException("it ends early");
            }
        }
        return buffer.flip();
    }

    private static ByteBuffer littleEndian(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }
}

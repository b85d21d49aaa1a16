package io.github.djlspectral.io;

import static io.github.djlspectral.io.Safetensors.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.annotations.SerializedName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.zip.CRC32C;

/** Collects arrays and writes them to a file of the safetensors format, of any length. */
public final class SafetensorsWriter {

    /** The bytes of types that DJL does not read. */
    private static final Map<String, Integer> OTHER_TYPES =
            Map.of("F8_E5M2", 1, "F8_E4M3", 1, "I16", 2, "U16", 2, "U32", 4, "U64", 8);

    private final Map<String, Object> header = new LinkedHashMap<>();
    private final List<AtomicFiles.Content<Output>> contents = new ArrayList<>();
    private long end;

    /** An array's entry in the header; the offsets count from the header's end. */
    record Tensor(String dtype, long[] shape, @SerializedName("data_offsets") long[] offsets) {

        boolean isComplete() {
            boolean present = dtype != null && shape != null && offsets != null;
            return present
                    && offsets.length == 2
                    && LongStream.of(shape).allMatch(number -> number >= 0)
                    && LongStream.of(offsets).allMatch(number -> number >= 0);
        }

        long bytes() {
            Integer other = OTHER_TYPES.get(dtype);
            long size = other == null ? DataType.fromSafetensors(dtype).getNumOfBytes() : other;
            return LongStream.of(shape).reduce(size, Math::multiplyExact);
        }

        long begin() {
            return offsets[0];
        }

        long end() {
            return offsets[1];
        }

        DataType djlType() throws IOException {
            if (OTHER_TYPES.containsKey(dtype)) {
                throw new IOException("it has " + dtype + ", convert it to F32, F64, F16 or BF16");
            }
            return DataType.fromSafetensors(dtype);
        }

        @Override
        public String toString() {
            return dtype + " " + new Shape(shape);
        }
    }

    /**
     * Creates a writer.
     *
     * @param metadata notes for readers of the file; a checksum is added to them
     */
    public SafetensorsWriter(Map<String, String> metadata) {
        Map<String, String> checked = new LinkedHashMap<>();
        checked.put(Safetensors.CHECKSUM, Safetensors.NO_SUM);
        new TreeMap<>(metadata).forEach(checked::putIfAbsent); // equal files for equal content
        header.put(Safetensors.METADATA, checked);
    }

    /**
     * Adds an array in its own type.
     *
     * @param name its name
     * @param array the array, on any device; it is read when the file is written
     * @return this writer
     * @throws IllegalArgumentException if the name is taken, or the format has no such type
     */
    public SafetensorsWriter add(String name, NDArray array) {
        return add(name, array.getShape(), array.getDataType(), output -> output.write(array));
    }

    /**
     * Adds an array of floats.
     *
     * @param name its name
     * @param shape its shape
     * @param type a floating-point type, to which the numbers are rounded (ties to even)
     * @param values gives its numbers when the file is written
     * @return this writer
     * @throws IllegalArgumentException if the name is taken, or the type is of another kind
     */
    public SafetensorsWriter add(
            String name, Shape shape, DataType type, Supplier<float[]> values) {
        require(Floats.TYPES.contains(type), "%s cannot be stored as %s", name, type);
        return add(name, shape, type, output -> output.write(name, shape, type, values.get()));
    }

    private SafetensorsWriter add(
            String name, Shape shape, DataType type, AtomicFiles.Content<Output> content) {
        long[] offsets = {end, end};
        Tensor tensor = new Tensor(type.asSafetensors(), shape.getShape(), offsets);
        end = Math.addExact(end, tensor.bytes());
        offsets[1] = end;
        require(header.putIfAbsent(name, tensor) == null, "two arrays are named %s", name);
        contents.add(content);
        return this;
    }

    /**
     * Writes the file, whole or not at all, one array after the other.
     *
     * @param path the file to write or replace; folders above it are made
     * @throws IllegalArgumentException if there are not as many numbers as a shape says
     * @throws UncheckedIOException if it cannot be written, or a finite number would be infinite in
     *     the type it is to have
     */
    public void write(Path path) {
        byte[] text = Safetensors.GSON.toJson(header).getBytes(StandardCharsets.UTF_8);
        int padding = -text.length & (Long.BYTES - 1);
        ByteBuffer beginning =
                Safetensors.littleEndian(Long.BYTES + text.length + padding)
                        .putLong(text.length + padding)
                        .put(text)
                        .put(" ".repeat(padding).getBytes(StandardCharsets.UTF_8));
        AtomicFiles.write(
                path,
                channel -> {
                    Output output = new Output(channel, new CRC32C());
                    output.write(beginning.flip());
                    for (AtomicFiles.Content<Output> content : contents) {
                        content.writeTo(output);
                    }
                    String sum = Safetensors.hexadecimal(output.sum);
                    channel.position(Safetensors.SUM_PLACE);
                    AtomicFiles.writeFully(channel, StandardCharsets.US_ASCII.encode(sum));
                });
    }

    /** A file that is being written, and the checksum of what has been. */
    private record Output(FileChannel channel, CRC32C sum) {

        void write(ByteBuffer bytes) throws IOException {
            sum.update(bytes.duplicate());
            AtomicFiles.writeFully(channel, bytes);
        }

        void write(NDArray array) throws IOException {
            Safetensors.forEachPiece(array, host -> write(host.toByteBuffer(true)));
        }

        void write(String name, Shape shape, DataType type, float[] values) throws IOException {
            String words = "%s has %s numbers, but should have the shape %s";
            require(values.length == shape.size(), words, name, values.length, shape);
            int width = type.getNumOfBytes();
            ByteBuffer buffer = Safetensors.littleEndian(Safetensors.PIECE * width);
            for (int i = 0; i < values.length; i++) {
                try {
                    Floats.encode(type, values[i], buffer);
                } catch (IOException e) {
                    throw Safetensors.failure("Cannot write " + name, e);
                }
                if (!buffer.hasRemaining() || i == values.length - 1) {
                    write(buffer.flip());
                    buffer.clear();
                }
            }
        }
    }
}

package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.JsonUtils;
import ai.djl.util.Pair;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.djlspectral.examples.data.BadInputException;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * A model's float32 parameters in a file of the safetensors format: eight bytes with the header's
 * length, a JSON header with each array's type, shape and place, then the arrays. Any safetensors
 * reader opens it; unlike DJL's own, this one reads and writes one array at a time.
 */
final class ModelFile {

    private static final int MAX_HEADER = 1 << 24;
    private static final String FLOAT32 = "F32";

    private final Path path;
    private final long dataStart;
    private final Map<String, Entry> entries;

    private ModelFile(Path path, long dataStart, Map<String, Entry> entries) {
        this.path = path;
        this.dataStart = dataStart;
        this.entries = entries;
    }

    /** An array's place in the file; the names are the format's. */
    @SuppressWarnings({"ArrayRecordComponent", "PMD"})
    private record Entry(String dtype, long[] shape, long[] data_offsets) {}

    /** Writes all parameters of an initialised block. */
    static void write(Block block, Path path) throws IOException {
        Map<String, Parameter> parameters = parameters(block);
        Map<String, Entry> header = new TreeMap<>();
        long offset = 0;
        for (Map.Entry<String, Parameter> parameter : parameters.entrySet()) {
            NDArray array = parameter.getValue().getArray();
            long end = offset + array.size() * Float.BYTES;
            header.put(
                    parameter.getKey(),
                    new Entry(FLOAT32, array.getShape().getShape(), new long[] {offset, end}));
            offset = end;
        }
        byte[] json = JsonUtils.GSON_COMPACT.toJson(header).getBytes(StandardCharsets.UTF_8);
        int padding = -json.length & 7; // aligns the arrays, as the format asks
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(path))) {
            out.write(littleEndian(Long.BYTES).putLong(json.length + padding).array());
            out.write(json);
            out.write(" ".repeat(padding).getBytes(StandardCharsets.UTF_8));
            for (Parameter parameter : parameters.values()) {
                out.write(parameter.getArray().toByteArray());
            }
        }
    }

    /** Reads the header of a file. */
    static ModelFile open(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path)) {
            long length = read(channel, 0, Long.BYTES).getLong();
            if (length < 0 || length > MAX_HEADER) {
                throw new IOException(path + " is not a safetensors file");
            }
            byte[] json = read(channel, Long.BYTES, (int) length).array();
            Map<String, Entry> entries =
                    JsonUtils.GSON.fromJson(
                            new String(json, StandardCharsets.UTF_8),
                            new TypeToken<Map<String, Entry>>() {}.getType());
            return new ModelFile(path, Long.BYTES + length, entries);
        } catch (JsonParseException | EOFException e) {
            throw new IOException(path + " is not a safetensors file", e);
        }
    }

    /**
     * Makes the arrays of this file the initial values of a block's parameters.
     *
     * @throws BadInputException if the file has other parameters than the block
     */
    void initialize(Block block) {
        Map<String, Parameter> parameters = parameters(block);
        if (!parameters.keySet().equals(entries.keySet())) {
            throw new BadInputException(
                    path
                            + " holds a model of another architecture: it has "
                            + entries.size()
                            + " parameters, this model "
                            + parameters.size());
        }
        parameters.forEach(
                (name, parameter) -> parameter.setInitializer(new Stored(name, entries.get(name))));
    }

    private static Map<String, Parameter> parameters(Block block) {
        Map<String, Parameter> parameters = new TreeMap<>();
        for (Pair<String, Parameter> parameter : block.getParameters()) {
            parameters.put(parameter.getKey(), parameter.getValue());
        }
        return parameters;
    }

    private static ByteBuffer read(FileChannel channel, long from, int length) throws IOException {
        ByteBuffer buffer = littleEndian(length);
        while (buffer.hasRemaining()) {
            int count = channel.read(buffer, from + buffer.position());
            if (count < 0) {
                throw new EOFException("The file ends early");
            }
        }
        return buffer.flip();
    }

    private static ByteBuffer littleEndian(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Reads one array when its parameter is initialised. */
    private final class Stored implements Initializer {

        private final String name;
        private final Entry entry;

        Stored(String name, Entry entry) {
            this.name = name;
            this.entry = entry;
        }

        @Override
        public NDArray initialize(NDManager manager, Shape shape, DataType dataType) {
            Shape stored = new Shape(entry.shape);
            long bytes = entry.data_offsets[1] - entry.data_offsets[0];
            if (!stored.equals(shape)
                    || !FLOAT32.equals(entry.dtype)
                    || bytes != shape.size() * Float.BYTES) {
                throw new BadInputException(
                        path
                                + " holds a model of another architecture: "
                                + name
                                + " is "
                                + entry.dtype
                                + " "
                                + stored
                                + " there and F32 "
                                + shape
                                + " in this model");
            }
            try (FileChannel channel = FileChannel.open(path)) {
                ByteBuffer data =
                        read(channel, dataStart + entry.data_offsets[0], Math.toIntExact(bytes));
                return manager.create(data, shape, DataType.FLOAT32);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + name + " from " + path, e);
            }
        }
    }
}

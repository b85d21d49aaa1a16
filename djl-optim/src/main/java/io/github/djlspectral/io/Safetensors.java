package io.github.djlspectral.io;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.djlspectral.io.SafetensorsWriter.Tensor;
import io.github.djlspectral.torch.Host;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * Named arrays in a file of the safetensors format, which Python reads too: the length of a JSON
 * text, that text with each array's type, shape and place, and the arrays, little-endian, without
 * gaps. They pass one at a time and in pieces, so that no size is too large.
 *
 * <p>What a {@link SafetensorsWriter} writes has a CRC-32C in its metadata: of all bytes of the
 * file, with zeros in the place of the checksum itself.
 */
public final class Safetensors {

    private static final int MAX_HEADER = 100_000_000; // the format's own limit, in bytes
    static final int PIECE = 1 << 20; // elements
    private static final long LFS_POINTER = 0x206e6f6973726576L; // it begins with "version "
    static final String METADATA = "__metadata__";
    static final String CHECKSUM = "crc32c";
    static final String NO_SUM = "00000000";
    private static final String BEGINNING = "{\"" + METADATA + "\":{\"" + CHECKSUM + "\":\"";
    static final int SUM_PLACE = Long.BYTES + BEGINNING.length();
    static final Gson GSON =
            new GsonBuilder().setStrictness(Strictness.STRICT).disableHtmlEscaping().create();

    private final Path path;
    private final Map<String, String> metadata = new TreeMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>(); // in order of place
    private boolean checksummed;
    private long dataStart;

    private Safetensors(Path path) {
        this.path = path;
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
    public static Safetensors open(Path path) throws IOException {
        Safetensors file = new Safetensors(path);
        try (FileChannel channel = FileChannel.open(path)) {
            file.readHeader(channel);
            return file;
        } catch (IllegalArgumentException | ArithmeticException | EOFException e) {
            throw new IOException(path + " is not a safetensors file: " + e.getMessage(), e);
        }
    }

    private void readHeader(FileChannel channel) throws IOException {
        long length = read(channel, 0, littleEndian(Long.BYTES)).getLong();
        long rest = channel.size() - Long.BYTES;
        require(length != LFS_POINTER, "it is a Git LFS pointer to one: run 'git lfs pull'");
        String most = rest + " are left, and " + MAX_HEADER + " are the most";
        require(
                length >= 0 && length <= Math.min(rest, MAX_HEADER),
                "its header should have " + Long.toUnsignedString(length) + " bytes, but " + most);
        ByteBuffer bytes = read(channel, Long.BYTES, littleEndian((int) length));
        boolean padded = length > 0 && bytes.get((int) length - 1) == 0;
        require(!padded, "its header is padded with NUL bytes where the format has spaces");
        dataStart = Long.BYTES + length;
        try {
            parse(StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
        } catch (IOException | JsonParseException | IllegalStateException e) {
            require(false, "its header is not JSON as the format has it (%s)", e.getMessage());
        }
        long end = 0;
        for (Map.Entry<String, Tensor> named : tensors.entrySet()) {
            Tensor tensor = named.getValue();
            String place = named.getKey() + " at [" + tensor.begin() + ", " + tensor.end() + ")";
            boolean whole = tensor.end() - tensor.begin() == tensor.bytes();
            require(whole, "%s needs %s bytes, as %s", place, tensor.bytes(), tensor);
            require(tensor.begin() >= end, "%s overlaps another array, up to %s", place, end);
            require(tensor.begin() == end, "%s leaves a gap, from %s on", place, end);
            end = tensor.end();
        }
        String sizes = "the arrays have %s bytes, but the file has %s after its header";
        require(end <= rest - length, sizes + ": it was cut off", end, rest - length);
        require(end == rest - length, sizes, end, rest - length);
    }

    private void parse(String text) throws IOException {
        Map<String, Tensor> unsorted = new HashMap<>();
        JsonReader json = GSON.newJsonReader(new StringReader(text));
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (name.equals(METADATA)) {
                json.beginObject();
                while (json.hasNext()) {
                    metadata.put(json.nextName(), json.nextString());
                }
                json.endObject();
            } else {
                Tensor tensor = GSON.fromJson(json, Tensor.class);
                boolean complete = tensor != null && tensor.isComplete();
                require(complete, "%s needs dtype, shape and two data_offsets, none < 0", name);
                require(unsorted.put(name, tensor) == null, "it has two arrays named %s", name);
            }
        }
        json.endObject();
        if (json.peek() != JsonToken.END_DOCUMENT) {
            throw new IOException("something follows the object");
        }
        checksummed = text.startsWith(BEGINNING);
        Comparator<Tensor> byPlace = Comparator.comparingLong(Tensor::begin);
        unsorted.entrySet().stream()
                .sorted(Map.Entry.comparingByValue(byPlace.thenComparing(Tensor::end)))
                .forEach(entry -> tensors.put(entry.getKey(), entry.getValue()));
    }

    /**
     * Returns the names of the arrays.
     *
     * @return the names, in the order of the arrays' places
     */
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    /**
     * Returns the shape of an array.
     *
     * @param name one of {@link #names}
     * @return its shape; a scalar's is empty
     * @throws IllegalArgumentException if there is no such array
     */
    public Shape shape(String name) {
        return new Shape(tensor(name).shape());
    }

    /**
     * Returns the type of an array's numbers.
     *
     * @param name one of {@link #names}
     * @return the format's name of the type, such as BF16
     * @throws IllegalArgumentException if there is no such array
     */
    public String type(String name) {
        return tensor(name).dtype();
    }

    /**
     * Returns the notes for readers of the file.
     *
     * @return the metadata by key; empty if there are none
     */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    private Tensor tensor(String name) {
        require(tensors.containsKey(name), "%s has no array %s", path, name);
        return tensors.get(name);
    }

    /**
     * Compares the whole file with its checksum.
     *
     * @return false if it has none, as another library wrote it
     * @throws IOException if the file is not as it was written, or cannot be read
     */
    public boolean verify() throws IOException {
        CRC32C sum = new CRC32C();
        ByteBuffer buffer = littleEndian(PIECE);
        try (FileChannel channel = FileChannel.open(path)) {
            for (long at = 0; checksummed && at < channel.size(); at += buffer.limit()) {
                buffer.clear().limit((int) Math.min(PIECE, channel.size() - at));
                read(channel, at, buffer);
                if (at == 0) {
                    buffer.put(SUM_PLACE, NO_SUM.getBytes(StandardCharsets.US_ASCII));
                }
                sum.update(buffer);
            }
        }
        if (checksummed && !metadata.get(CHECKSUM).equals(hexadecimal(sum))) {
            throw new IOException(path + " was damaged once written: its checksum is wrong");
        }
        return checksummed;
    }

    /**
     * Reads an array of floats as float32, without an engine.
     *
     * @param name one of {@link #names}
     * @return its elements, the last dimension's next to each other; the caller's own
     * @throws IllegalArgumentException if there is no such array
     * @throws UncheckedIOException if the file cannot be read, or its numbers are of another kind,
     *     too large for float32, or too many for a Java array
     */
    public float[] read(String name) {
        Tensor tensor = tensor(name);
        try (FileChannel channel = FileChannel.open(path)) {
            DataType type = tensor.djlType();
            long size = shape(name).size();
            if (!Floats.TYPES.contains(type) || size > Integer.MAX_VALUE) {
                throw new IOException("a Java array of floats cannot hold " + tensor);
            }
            float[] values = new float[(int) size];
            int width = type.getNumOfBytes();
            ByteBuffer buffer = littleEndian(PIECE * width).limit(0);
            for (int i = 0; i < values.length; i++) {
                if (!buffer.hasRemaining()) {
                    buffer.clear().limit(Math.min(PIECE, values.length - i) * width);
                    read(channel, dataStart + tensor.begin() + (long) i * width, buffer);
                }
                values[i] = Floats.decode(type, buffer);
            }
            return values;
        } catch (IOException e) {
            throw failure("Cannot read " + name + " from " + path, e);
        }
    }

    /**
     * Reads an array in its own type, but bfloat16 as float32, as DJL's engines do not take it.
     *
     * @param manager the manager of the new array, which lies on its device
     * @param name one of {@link #names}
     * @return the array
     * @throws IllegalArgumentException if there is no such array
     * @throws UncheckedIOException if the file cannot be read, or DJL has no such type
     */
    public NDArray read(NDManager manager, String name) {
        if (type(name).equals("BF16")) {
            return manager.create(read(name), shape(name));
        }
        long[] place = {dataStart + tensor(name).begin()};
        try (FileChannel channel = FileChannel.open(path);
                NDManager scratch = manager.newSubManager(Device.cpu())) {
            NDArray array = scratch.create(shape(name), tensor(name).djlType());
            forEachPiece(
                    array,
                    host -> {
                        ByteBuffer memory = host.toByteBuffer(true);
                        place[0] += read(channel, place[0], memory).limit();
                    });
            NDArray result = array.toDevice(manager.getDevice(), false);
            result.attach(manager);
            return result;
        } catch (IOException e) {
            throw failure("Cannot read " + name + " from " + path, e);
        }
    }

    /** Passes the elements of an array in order, as arrays of one dimension on the host. */
    static void forEachPiece(NDArray array, AtomicFiles.Content<NDArray> action)
            throws IOException {
        long size = array.size();
        try (NDArray flat = array.reshape(size)) {
            for (long from = 0; from < size; from += PIECE) {
                long to = Math.min(size, from + PIECE);
                try (NDArray piece = flat.get(new NDIndex("{}:{}", from, to))) {
                    IOException fault = Host.read(piece, host -> fault(action, host));
                    if (fault != null) {
                        throw fault;
                    }
                }
            }
        }
    }

    private static IOException fault(AtomicFiles.Content<NDArray> action, NDArray host) {
        try {
            action.writeTo(host);
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    /** Fills a buffer up to its limit. */
    private static ByteBuffer read(FileChannel channel, long from, ByteBuffer buffer)
            throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, from + buffer.position()) < 0) {
                throw new EOFException("it ends early");
            }
        }
        return buffer.flip();
    }

    static ByteBuffer littleEndian(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }

    static String hexadecimal(CRC32C sum) {
        return HexFormat.of().toHexDigits((int) sum.getValue());
    }

    static UncheckedIOException failure(String what, IOException e) {
        return new UncheckedIOException(what + ": " + e.getMessage(), e);
    }

    static void require(boolean condition, String format, Object... arguments) {
        if (!condition) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, format, arguments));
        }
    }
}

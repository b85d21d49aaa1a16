package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The beginning of a safetensors file: eight bytes with the length of a JSON text, then that text,
 * which gives each array's type, shape and place. The arrays follow without gaps.
 *
 * @param dataStart where the arrays begin in the file
 * @param entries the arrays by name, in the order of their places
 */
record SafetensorsHeader(long dataStart, Map<String, TensorEntry> entries) {

    static final String METADATA = "__metadata__";
    private static final Map<String, Integer> BITS =
            Map.ofEntries(
                    Map.entry("BOOL", 8),
                    Map.entry("U8", 8),
                    Map.entry("I8", 8),
                    Map.entry("F8_E5M2", 8),
                    Map.entry("F8_E4M3", 8),
                    Map.entry("I16", 16),
                    Map.entry("U16", 16),
                    Map.entry("F16", 16),
                    Map.entry("BF16", 16),
                    Map.entry("I32", 32),
                    Map.entry("U32", 32),
                    Map.entry("F32", 32),
                    Map.entry("I64", 64),
                    Map.entry("U64", 64),
                    Map.entry("F64", 64));

    /** Sorts the arrays by place. */
    SafetensorsHeader {
        Map<String, TensorEntry> sorted = new LinkedHashMap<>();
        entries.entrySet().stream()
                .sorted(
                        Map.Entry.comparingByValue(
                                Comparator.comparingLong(TensorEntry::begin)
                                        .thenComparingLong(TensorEntry::end)))
                .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
        entries = Collections.unmodifiableMap(sorted);
    }

    /** Plans a file that holds all arrays of a source in their order. */
    static SafetensorsHeader of(TensorSource source, FloatFormat format) {
        Map<String, TensorEntry> entries = new LinkedHashMap<>();
        long offset = 0;
        for (String name : source.names()) {
            Shape shape = source.shape(name);
            long end = Math.addExact(offset, size(format.name(), shape));
            entries.put(name, new TensorEntry(format.name(), shape, offset, end));
            offset = end;
        }
        return new SafetensorsHeader(0, entries);
    }

    /** Returns the beginning of a file: the length, the JSON text and spaces to align the rest. */
    byte[] bytes(Map<String, String> metadata) {
        JsonObject object = new JsonObject();
        if (!metadata.isEmpty()) {
            object.add(METADATA, JsonUtils.GSON_COMPACT.toJsonTree(metadata));
        }
        entries.forEach((name, entry) -> object.add(name, json(entry)));
        byte[] text = JsonUtils.GSON_COMPACT.toJson(object).getBytes(StandardCharsets.UTF_8);
        int padding = -text.length & (Long.BYTES - 1);
        return ByteBuffer.allocate(Long.BYTES + text.length + padding)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length + padding)
                .put(text)
                .put(" ".repeat(padding).getBytes(StandardCharsets.UTF_8))
                .array();
    }

    private static JsonObject json(TensorEntry entry) {
        JsonArray shape = new JsonArray();
        for (long dimension : entry.shape().getShape()) {
            shape.add(dimension);
        }
        JsonArray offsets = new JsonArray();
        List.of(entry.begin(), entry.end()).forEach(offsets::add);
        JsonObject object = new JsonObject();
        object.addProperty("dtype", entry.type());
        object.add("shape", shape);
        object.add("data_offsets", offsets);
        return object;
    }

    /**
     * Fails unless the arrays lie one after the other, each as long as its shape says, and fill the
     * rest of the file.
     *
     * @param length the file's length
     * @throws IllegalArgumentException if they do not
     */
    void check(long length) {
        long position = 0;
        for (Map.Entry<String, TensorEntry> named : entries.entrySet()) {
            TensorEntry entry = named.getValue();
            String place = named.getKey() + " at [" + entry.begin() + ", " + entry.end() + ")";
            long expected = size(entry.type(), entry.shape());
            require(
                    entry.begin() >= 0 && entry.end() - entry.begin() == expected,
                    place
                            + " should have "
                            + expected
                            + " bytes, as "
                            + entry.type()
                            + " "
                            + entry.shape());
            require(
                    entry.begin() >= position,
                    place + " overlaps another array, which ends at " + position);
            require(
                    entry.begin() == position,
                    place + " leaves a gap, as the array before ends at " + position);
            position = entry.end();
        }
        long available = length - dataStart;
        require(
                position == available,
                "the arrays have "
                        + position
                        + " bytes, but the file has "
                        + available
                        + " after its header"
                        + (position > available ? ": it was cut off" : ""));
    }

    /** Returns the bytes of an array. */
    private static long size(String type, Shape shape) {
        Integer bits = BITS.get(type);
        require(bits != null, "the type " + type + " is not known");
        long size = bits / Byte.SIZE;
        for (long dimension : shape.getShape()) {
            size = Math.multiplyExact(size, dimension);
        }
        return size;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}

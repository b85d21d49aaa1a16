package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;

/** Reads the JSON text of a safetensors header, which nobody vouches for. */
final class SafetensorsParser {

    private SafetensorsParser() {}

    /**
     * Reads a header.
     *
     * @param text UTF-8
     * @throws IOException if it is no JSON text
     * @throws IllegalArgumentException if it is one, but not as the format asks
     */
    static Map<String, TensorEntry> parse(ByteBuffer text) throws IOException {
        String decoded = StandardCharsets.UTF_8.newDecoder().decode(text).toString();
        Map<String, TensorEntry> entries = new HashMap<>();
        try (JsonReader json = new JsonReader(new StringReader(decoded))) {
            json.setStrictness(Strictness.STRICT);
            json.beginObject();
            while (json.hasNext()) {
                String name = json.nextName();
                if (name.equals(SafetensorsHeader.METADATA)) {
                    json.skipValue();
                } else if (entries.put(name, entry(name, json)) != null) {
                    throw new IllegalArgumentException("it has two arrays named " + name);
                }
            }
            json.endObject();
            if (json.peek() != JsonToken.END_DOCUMENT) {
                throw new IOException("something follows the object");
            }
            return entries;
        } catch (IllegalStateException | NumberFormatException e) { // Gson's, for a wrong type
            throw new IOException(e.getMessage(), e);
        }
    }

    private static TensorEntry entry(String name, JsonReader json) throws IOException {
        String type = null;
        long[] shape = null;
        long[] offsets = null;
        json.beginObject();
        while (json.hasNext()) {
            switch (json.nextName()) {
                case "dtype" -> type = json.nextString();
                case "shape" -> shape = numbers(name, json);
                case "data_offsets" -> offsets = numbers(name, json);
                default -> json.skipValue();
            }
        }
        json.endObject();
        if (type == null || shape == null || offsets == null || offsets.length != 2) {
            throw new IllegalArgumentException(
                    name + " lacks one of dtype, shape and two data_offsets");
        }
        return new TensorEntry(type, new Shape(shape), offsets[0], offsets[1]);
    }

    private static long[] numbers(String name, JsonReader json) throws IOException {
        LongStream.Builder numbers = LongStream.builder();
        json.beginArray();
        while (json.hasNext()) {
            long number = json.nextLong();
            if (number < 0) {
                throw new IllegalArgumentException(name + " has the negative number " + number);
            }
            numbers.add(number);
        }
        json.endArray();
        return numbers.build().toArray();
    }
}

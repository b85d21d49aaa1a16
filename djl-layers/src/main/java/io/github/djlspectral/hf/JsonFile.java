package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A JSON object in a file, which nobody vouches for: what is not as it should be is refused. */
record JsonFile(Path path, JsonObject object) {

    static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

    static JsonFile read(Path path) {
        try {
            JsonElement element = JsonParser.parseString(text(path));
            unless(element.isJsonObject(), "%s holds no JSON object", path);
            return new JsonFile(path, element.getAsJsonObject());
        } catch (JsonParseException e) {
            throw new BadInputException(path + " is not JSON: " + e.getMessage(), e);
        }
    }

    /** Reads a file that need not be there; then it has nothing in it. */
    static JsonFile readIfThere(Path path) {
        return Files.exists(path) ? read(path) : new JsonFile(path, new JsonObject());
    }

    static String text(Path path) {
        try {
            String text = Files.readString(path);
            LfsPointer.refuse(path, StandardCharsets.UTF_8.encode(text));
            return text;
        } catch (NoSuchFileException e) {
            throw new BadInputException(path + " is missing", e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    boolean has(String key) {
        return object.has(key) && !object.get(key).isJsonNull();
    }

    /** Refuses a value that cannot be obeyed. */
    void require(boolean condition, String key, Object supported) {
        String format = "%s has %s %s, but only %s is supported";
        unless(condition, format, path, key, object.get(key), supported);
    }

    /** Refuses a value that is none of these. There need not be any. */
    void requireOneOf(String key, Object... values) {
        String all = Stream.of(values).map(GSON::toJson).collect(Collectors.joining(" or "));
        Stream<JsonElement> legal = Stream.of(values).map(GSON::toJsonTree);
        require(!has(key) || legal.anyMatch(object.get(key)::equals), key, all);
    }

    /** Returns what must be there, and of a type. */
    <T extends JsonElement> T require(String key, Class<T> type) {
        JsonElement value = object.get(key);
        unless(type.isInstance(value), "%s lacks the %s %s", path, type.getSimpleName(), key);
        return type.cast(value);
    }

    /** Returns an object in this one, as if it were alone in the file. */
    JsonFile requireObject(String key) {
        return new JsonFile(path, require(key, JsonObject.class));
    }

    /** Returns a whole number that must be there. */
    int requireWhole(String key, int least) {
        unless(has(key), "%s lacks %s", path, key);
        double value = number(key);
        boolean legal = value >= least && value <= Integer.MAX_VALUE && value == Math.rint(value);
        String format = "%s has %s %s, which is no whole number from %s on";
        unless(legal, format, path, key, object.get(key), least);
        return (int) value;
    }

    double number(String key) {
        try {
            return object.get(key).getAsDouble();
        } catch (NumberFormatException | UnsupportedOperationException | IllegalStateException e) {
            String value = key + " " + object.get(key);
            throw new BadInputException(path + " has " + value + ", which is no number", e);
        }
    }

    /** Returns a truth value, or another if there is none. */
    boolean flag(String key, boolean otherwise) {
        JsonElement value = has(key) ? object.get(key) : new JsonPrimitive(otherwise);
        boolean legal = value instanceof JsonPrimitive primitive && primitive.isBoolean();
        unless(legal, "%s has %s %s, which is neither true nor false", path, key, value);
        return value.getAsBoolean();
    }
}

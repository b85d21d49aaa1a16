package io.github.djlspectral.hf;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A file with a JSON object.
 *
 * @param path the file, for messages
 * @param object its contents
 */
record JsonFile(Path path, JsonObject object) {

    /**
     * Reads a file.
     *
     * @throws BadInputException if it is missing, cannot be read or holds no JSON object
     */
    static JsonFile read(Path path) {
        try {
            String text = Files.readString(path);
            LfsPointer.refuse(path, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            JsonElement element = JsonParser.parseString(text);
            if (!element.isJsonObject()) {
                throw new BadInputException(path + " holds no JSON object");
            }
            return new JsonFile(path, element.getAsJsonObject());
        } catch (NoSuchFileException e) {
            throw new BadInputException(path + " is missing", e);
        } catch (JsonParseException e) {
            throw new BadInputException(path + " is not JSON: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    /** Returns what says that a value cannot be obeyed. */
    BadInputException unsupported(String key, Object supported) {
        return new BadInputException(
                path
                        + " has "
                        + key
                        + " "
                        + object.get(key)
                        + ", but only "
                        + supported
                        + " is supported");
    }

    boolean has(String key) {
        return object.has(key) && !object.get(key).isJsonNull();
    }

    JsonObject requireObject(String key) {
        if (!has(key) || !object.get(key).isJsonObject()) {
            throw new BadInputException(path + " lacks the object " + key);
        }
        return object.getAsJsonObject(key);
    }

    JsonArray requireArray(String key) {
        if (!has(key) || !object.get(key).isJsonArray()) {
            throw new BadInputException(path + " lacks the list " + key);
        }
        return object.getAsJsonArray(key);
    }

    String requireText(String key) {
        if (!has(key) || !object.get(key).isJsonPrimitive()) {
            throw new BadInputException(path + " lacks the text " + key + ": " + object);
        }
        return object.get(key).getAsString();
    }

    /** Returns the number of a token. */
    int requireToken(String key) {
        double value = has(key) ? number(key) : -1;
        if (value < 0 || value > Integer.MAX_VALUE || value != Math.rint(value)) {
            throw new BadInputException(
                    path + " has " + key + " " + object.get(key) + ", which is no token's number");
        }
        return (int) value;
    }

    /** Returns a positive whole number. */
    int requireCount(String key) {
        if (!has(key)) {
            throw new BadInputException(path + " lacks " + key);
        }
        double value = number(key);
        if (value < 1 || value > Integer.MAX_VALUE || value != Math.rint(value)) {
            throw new BadInputException(
                    path + " has " + key + " " + object.get(key) + ", which is no positive number");
        }
        return (int) value;
    }

    /** Returns a number that must be there. */
    double number(String key) {
        try {
            return object.get(key).getAsDouble();
        } catch (NumberFormatException | UnsupportedOperationException | IllegalStateException e) {
            throw new BadInputException(
                    path + " has " + key + " " + object.get(key) + ", which is no number", e);
        }
    }

    /** Returns a truth value, or another if there is none. */
    boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        JsonElement value = object.get(key);
        if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isBoolean()) {
            throw new BadInputException(
                    path + " has " + key + " " + value + ", which is neither true nor false");
        }
        return value.getAsBoolean();
    }
}

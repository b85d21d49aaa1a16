package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The arrays of a checkpoint in one file, or in several that an index lists.
 *
 * @param path the file or the index, for messages
 * @param files the file of each array, by the array's name
 */
record StoredTensors(Path path, Map<String, Safetensors> files) {

    static final String FILE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final Set<String> TYPES = Set.of("F32", "F16", "BF16", "F64");

    /** Reads the headers of the files in a directory, or of one file. */
    static StoredTensors open(Path path) {
        Path single = Files.isDirectory(path) ? path.resolve(FILE) : path;
        if (Files.exists(single)) {
            Map<String, Safetensors> files = new TreeMap<>();
            Safetensors file = file(single);
            file.names().forEach(name -> files.put(name, file));
            return new StoredTensors(single, files);
        }
        Path index = path.resolve(INDEX);
        String missing = "%s has neither %s nor %s: is it a checkpoint?";
        unless(Files.exists(index), missing, path, FILE, INDEX);
        return new StoredTensors(index, shards(JsonFile.read(index)));
    }

    private static Map<String, Safetensors> shards(JsonFile index) {
        JsonFile map = index.requireObject("weight_map");
        Map<String, Safetensors> shards = new HashMap<>();
        Map<String, Safetensors> files = new TreeMap<>();
        for (String name : map.object().keySet()) {
            String shard = map.requireText(name);
            boolean plain = shard.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*"); // leads to no other place
            unless(plain, "%s has '%s', which is no plain file name", index.path(), shard);
            Path path = index.path().resolveSibling(shard);
            files.put(name, shards.computeIfAbsent(shard, unread -> file(path)));
            check(files.get(name).names().contains(name), index, shard, name);
        }
        for (Map.Entry<String, Safetensors> shard : shards.entrySet()) {
            for (String name : shard.getValue().names()) {
                check(files.get(name) == shard.getValue(), index, shard.getKey(), name);
            }
        }
        return files;
    }

    private static void check(boolean agree, JsonFile index, String shard, String name) {
        unless(agree, "%s and %s do not agree on where %s is", index.path(), shard, name);
    }

    private static Safetensors file(Path path) {
        try {
            return Safetensors.open(path);
        } catch (NoSuchFileException e) {
            throw new BadInputException(path + " is missing", e);
        } catch (IOException e) {
            throw new BadInputException(e.getMessage(), e);
        }
    }

    Set<String> names() {
        return files.keySet();
    }

    /** Fails unless an array has a shape and is of floats. */
    void check(String name, Shape expected) {
        Shape shape = files.get(name).shape(name);
        unless(
                shape.equals(expected),
                "%s has %s of shape %s, but by its config.json it should be %s",
                path,
                name,
                shape,
                expected);
        String type = files.get(name).type(name);
        unless(
                TYPES.contains(type),
                "%s has %s as %s; convert it to F32, F16, BF16 or F64",
                path,
                name,
                type);
    }

    float[] read(String name) {
        return files.get(name).read(name);
    }
}

package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The arrays of a checkpoint in one file, or in several that an index lists. */
final class StoredTensors implements TensorSource {

    static final String FILE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    private final Path path;
    private final Map<String, SafetensorsFile> files;

    private StoredTensors(Path path, Map<String, SafetensorsFile> files) {
        this.path = path;
        this.files = files;
    }

    /**
     * Reads the headers of a checkpoint's files.
     *
     * @param path a file, or a directory with {@code model.safetensors} or its index
     * @throws BadInputException if there is none, one is damaged, or the index and the files do not
     *     agree
     */
    static StoredTensors open(Path path) {
        Path single = Files.isDirectory(path) ? path.resolve(FILE) : path;
        if (Files.exists(single)) {
            SafetensorsFile file = file(single);
            Map<String, SafetensorsFile> files = new TreeMap<>();
            file.names().forEach(name -> files.put(name, file));
            return new StoredTensors(single, files);
        }
        Path index = path.resolve(INDEX);
        if (!Files.exists(index)) {
            throw new BadInputException(
                    path + " has neither " + FILE + " nor " + INDEX + ": is it a checkpoint?");
        }
        return new StoredTensors(index, shards(index));
    }

    private static Map<String, SafetensorsFile> shards(Path index) {
        JsonObject map = JsonFile.read(index).requireObject("weight_map");
        Map<String, SafetensorsFile> shards = new TreeMap<>();
        Map<String, SafetensorsFile> files = new TreeMap<>();
        for (Map.Entry<String, JsonElement> entry : map.entrySet()) {
            String shard = shardName(index, entry.getValue());
            SafetensorsFile file =
                    shards.computeIfAbsent(shard, name -> file(index.resolveSibling(name)));
            require(file.names().contains(entry.getKey()), index, entry.getKey(), shard);
            files.put(entry.getKey(), file);
        }
        shards.forEach(
                (shard, file) ->
                        file.names()
                                .forEach(
                                        name ->
                                                require(
                                                        files.get(name) == file,
                                                        index,
                                                        name,
                                                        shard)));
        return files;
    }

    /** A name must not lead out of the directory. */
    private static String shardName(Path index, JsonElement value) {
        String name = value.isJsonPrimitive() ? value.getAsString() : value.toString();
        if (!name.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*")) {
            throw new BadInputException(index + " has '" + name + "', which is no plain file name");
        }
        return name;
    }

    private static void require(boolean agrees, Path index, String name, String shard) {
        if (!agrees) {
            throw new BadInputException(
                    index + " and " + shard + " do not agree on where " + name + " is");
        }
    }

    private static SafetensorsFile file(Path path) {
        try {
            return SafetensorsFile.open(path);
        } catch (java.nio.file.NoSuchFileException e) {
            throw new BadInputException(path + " is missing", e);
        } catch (IOException e) {
            throw new BadInputException(e.getMessage(), e);
        }
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(files.keySet());
    }

    @Override
    public Shape shape(String name) {
        return files.get(name).shape(name);
    }

    FloatFormat format(String name) {
        return files.get(name).format(name);
    }

    @Override
    public float[] read(String name) {
        return files.get(name).read(name);
    }

    /** Returns the path, for messages. */
    @Override
    public String toString() {
        return path.toString();
    }
}

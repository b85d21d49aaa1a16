package io.github.djlspectral.hf;

import io.github.djlspectral.io.Safetensors;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The checkpoints that {@code reference.py} wrote. */
public final class ReferenceCheckpoints {

    private static final List<String> FILES =
            List.of(
                    "config.json",
                    "logits.json",
                    "model.safetensors",
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                    "tokenizer.json");

    private ReferenceCheckpoints() {}

    /**
     * Copies one of them.
     *
     * @param name f32, f16 or bf16
     */
    public static Path copy(String name, Path directory) {
        try {
            Files.createDirectories(directory);
            for (String file : FILES) { // by name: they may lie in a jar
                try (InputStream in =
                        ReferenceCheckpoints.class.getResourceAsStream(name + "/" + file)) {
                    if (in != null) { // not all are in shards
                        Files.copy(in, directory.resolve(file));
                    }
                }
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Replaces a text in a file. */
    static void edit(Path file, String old, String replacement) throws IOException {
        String text = Files.readString(file);
        if (!text.contains(old)) {
            throw new IllegalArgumentException(file + " lacks " + old);
        }
        Files.writeString(file, text.replace(old, replacement));
    }

    /** Reads all arrays of a checkpoint in one file, but for the masks. */
    static FixedTensors tensors(Path checkpoint) throws IOException {
        Safetensors file = Safetensors.open(checkpoint.resolve("model.safetensors"));
        FixedTensors tensors = new FixedTensors();
        file.names().stream()
                .filter(name -> !name.endsWith(".attn.bias"))
                .forEach(name -> tensors.put(name, file.shape(name), file.read(name)));
        return tensors;
    }

    /** Replaces all arrays of a checkpoint in one file. */
    static void rewrite(Path checkpoint, FixedTensors tensors) {
        tensors.write(checkpoint.resolve("model.safetensors"));
    }
}

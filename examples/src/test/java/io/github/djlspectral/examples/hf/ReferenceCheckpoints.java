package io.github.djlspectral.examples.hf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The checkpoints that {@code reference.py} wrote. */
public final class ReferenceCheckpoints {

    private ReferenceCheckpoints() {}

    /**
     * Copies one of them.
     *
     * @param name f32, f16 or bf16
     */
    public static Path copy(String name, Path directory) {
        try (Stream<Path> files =
                Files.list(Path.of(ReferenceCheckpoints.class.getResource(name).toURI()))) {
            List<Path> all = files.toList();
            Files.createDirectories(directory);
            for (Path file : all) {
                Files.copy(file, directory.resolve(file.getFileName().toString()));
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
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
        SafetensorsFile file = SafetensorsFile.open(checkpoint.resolve("model.safetensors"));
        FixedTensors tensors = new FixedTensors();
        file.names().stream()
                .filter(name -> !name.endsWith(".attn.bias"))
                .forEach(name -> tensors.put(name, file.shape(name), file.read(name)));
        return tensors;
    }

    /** Replaces all arrays of a checkpoint in one file. */
    static void rewrite(Path checkpoint, TensorSource tensors) throws IOException {
        SafetensorsWriter.write(
                checkpoint.resolve("model.safetensors"), tensors, FloatFormat.F32, Map.of());
    }
}

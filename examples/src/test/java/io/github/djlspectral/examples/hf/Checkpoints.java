package io.github.djlspectral.examples.hf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The checkpoints that {@code reference.py} wrote. */
public final class Checkpoints {

    private Checkpoints() {}

    /**
     * Copies one of them.
     *
     * @param name f32, f16 or bf16
     */
    public static Path copy(String name, Path directory) {
        try (Stream<Path> files =
                Files.list(Path.of(Checkpoints.class.getResource(name).toURI()))) {
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
}

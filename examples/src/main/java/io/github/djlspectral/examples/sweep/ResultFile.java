package io.github.djlspectral.examples.sweep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Writes a text file so that it is seen whole or not at all. */
final class ResultFile {

    private ResultFile() {}

    /**
     * Replaces a file.
     *
     * @throws UncheckedIOException if it cannot be written; the old one is untouched
     */
    static void write(Path path, List<String> lines) {
        Path partial = path.resolveSibling(path.getFileName() + ".tmp");
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            Files.write(partial, lines);
            Files.move(
                    partial,
                    path,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }
}

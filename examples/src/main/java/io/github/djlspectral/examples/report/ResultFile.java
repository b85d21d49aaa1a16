package io.github.djlspectral.examples.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** A text file that is seen whole or not at all. */
public final class ResultFile {

    private ResultFile() {}

    /**
     * Replaces a file, or creates it with the folders above it.
     *
     * @param path the file
     * @param lines what it is to contain, UTF-8
     * @throws UncheckedIOException if it cannot be written; the old one is untouched
     */
    public static void write(Path path, List<String> lines) {
        // another process may be writing the same file
        String name = path.getFileName() + "." + ProcessHandle.current().pid() + ".tmp";
        Path partial = path.resolveSibling(name);
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

package io.github.djlspectral.examples.flow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Rows under a header, for a CSV file. */
final class Table {

    private final List<String> lines = new ArrayList<>();

    Table(String... columns) {
        lines.add(String.join(",", columns));
    }

    /** Adds a row; numbers are written as Java prints them, so that no bit is lost. */
    void add(Object... cells) {
        lines.add(Arrays.stream(cells).map(String::valueOf).collect(Collectors.joining(",")));
    }

    /** Replaces a file by this table. */
    void write(Path path) {
        write(path, lines);
    }

    /**
     * Replaces a text file.
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

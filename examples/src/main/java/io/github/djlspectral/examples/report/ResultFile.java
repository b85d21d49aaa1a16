package io.github.djlspectral.examples.report;

import static java.util.stream.Collectors.joining;

import io.github.djlspectral.io.AtomicFiles;
import java.nio.file.Path;
import java.util.List;

/** A text file that is seen whole or not at all. */
public final class ResultFile {

    private ResultFile() {}

    /**
     * Replaces a file, or creates it with the folders above it.
     *
     * @param path the file
     * @param lines what it is to contain, UTF-8
     * @throws java.io.UncheckedIOException if it cannot be written; the old one is untouched
     */
    public static void write(Path path, List<String> lines) {
        AtomicFiles.write(path, lines.stream().map(line -> line + "\n").collect(joining()));
    }
}

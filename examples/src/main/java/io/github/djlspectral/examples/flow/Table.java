package io.github.djlspectral.examples.flow;

import io.github.djlspectral.examples.report.ResultFile;
import java.nio.file.Path;
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
        ResultFile.write(path, lines);
    }
}

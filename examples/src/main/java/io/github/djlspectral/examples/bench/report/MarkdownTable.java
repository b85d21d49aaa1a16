package io.github.djlspectral.examples.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Rows under a header; columns without any content are left out. */
final class MarkdownTable {

    private final List<String> header;
    private final List<List<String>> rows = new ArrayList<>();

    MarkdownTable(String... header) {
        this.header = List.of(header);
    }

    /** Adds a row; it has as many cells as the header. */
    void add(String... cells) {
        rows.add(List.of(cells));
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    List<String> lines() {
        int[] columns = IntStream.range(0, header.size()).filter(this::isUsed).toArray();
        List<String> lines = new ArrayList<>();
        lines.add(line(header, columns));
        lines.add("|" + "---|".repeat(columns.length));
        rows.forEach(row -> lines.add(line(row, columns)));
        return lines;
    }

    private boolean isUsed(int column) {
        return rows.stream().anyMatch(row -> !row.get(column).isEmpty());
    }

    private static String line(List<String> cells, int[] columns) {
        StringBuilder line = new StringBuilder("|");
        for (int column : columns) {
            String cell = cells.get(column).replace("|", "\\|").replaceAll("\\s*\\R\\s*", " ");
            line.append(' ').append(cell).append(" |");
        }
        return line.toString();
    }
}

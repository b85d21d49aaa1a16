package io.github.djlspectral.examples.experiment;

import io.github.djlspectral.io.AtomicFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Rows under a header, for people as Markdown and for programs as CSV. */
public final class Table {

    private final List<String> header;
    private final List<List<String>> rows = new ArrayList<>();

    /** Creates a table without rows. */
    public Table(String... header) {
        this.header = List.of(header);
    }

    /** Adds a row, as long as the header; numbers as Java prints them, so that no bit is lost. */
    public Table add(Object... cells) {
        if (cells.length != header.size()) {
            String message = header + " has another length than " + Arrays.toString(cells);
            throw new IllegalArgumentException(message);
        }
        rows.add(Arrays.stream(cells).map(String::valueOf).toList());
        return this;
    }

    /** Returns whether there is no row. */
    public boolean isEmpty() {
        return rows.isEmpty();
    }

    /** Returns Markdown; columns without any content are left out. */
    public List<String> markdown() {
        int[] used =
                IntStream.range(0, header.size())
                        .filter(i -> isEmpty() || rows.stream().anyMatch(r -> !r.get(i).isEmpty()))
                        .toArray();
        List<String> lines = new ArrayList<>();
        lines(used, " | ", Table::escaped).forEach(line -> lines.add("| " + line + " |"));
        lines.add(1, "|" + "---|".repeat(used.length));
        return lines;
    }

    private static String escaped(String cell) {
        return cell.replace("|", "\\|").replaceAll("\\s*\\R\\s*", " ");
    }

    /** Returns lines of CSV. */
    public List<String> csv() {
        return lines(IntStream.range(0, header.size()).toArray(), ",", Table::quoted).toList();
    }

    private static String quoted(String cell) {
        return cell.matches("[^,\"\r\n]*") ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }

    private Stream<String> lines(int[] columns, String between, UnaryOperator<String> form) {
        return Stream.concat(Stream.of(header), rows.stream())
                .map(row -> Arrays.stream(columns).mapToObj(row::get).map(form))
                .map(cells -> cells.collect(Collectors.joining(between)));
    }

    /** Replaces a text file, whole or not at all, or creates it with the folders above it. */
    public static void write(Path path, List<String> lines) {
        AtomicFiles.write(path, lines.stream().map(l -> l + "\n").collect(Collectors.joining()));
    }

    /** Formats in the same way in every language. */
    public static String text(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }
}

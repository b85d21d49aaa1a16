package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** A table in a file that grows by rows and is readable at any time. The first column is a step. */
final class CsvLog implements AutoCloseable {

    private final Path path;
    private final BufferedWriter out;

    private CsvLog(Path path, BufferedWriter out) {
        this.path = path;
        this.out = out;
    }

    /**
     * Replaces the file, whole or not at all, and leaves it open at its end.
     *
     * @param rows the rows to begin with
     * @throws UncheckedIOException if the file cannot be written
     */
    static CsvLog open(Path path, String header, List<String> rows) {
        List<String> lines = new ArrayList<>(List.of(header));
        lines.addAll(rows);
        Table.write(path, lines);
        try {
            return new CsvLog(path, Files.newBufferedWriter(path, StandardOpenOption.APPEND));
        } catch (IOException e) {
            throw cannotWrite(path, e, "");
        }
    }

    /**
     * Reads the rows up to a step.
     *
     * @param lastStep rows from the first later one on are left out, as is one that a crash cut
     *     short
     * @throws BadInputException if a row does not begin with a step
     * @throws UncheckedIOException if the file cannot be read
     */
    static List<String> read(Path path, int lastStep) {
        try {
            String text = Files.readString(path);
            String[] lines = text.substring(0, text.lastIndexOf('\n') + 1).split("\n");
            List<String> rows = new ArrayList<>();
            for (int i = 1; i < lines.length && step(path, i - 1, lines[i]) <= lastStep; i++) {
                rows.add(lines[i]);
            }
            return rows;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    private static int step(Path path, int index, String row) {
        try {
            return Integer.parseInt(row.substring(0, row.indexOf(',')));
        } catch (NumberFormatException | IndexOutOfBoundsException e) {
            throw damaged(path, index, row, e);
        }
    }

    /** Says which row cannot be used, counted from 0 without the header. */
    static BadInputException damaged(Path path, int index, String row, RuntimeException cause) {
        return new BadInputException(
                path + " is damaged at line " + (index + 2) + ": " + row, cause);
    }

    /** Appends rows and hands them to the operating system, so that a crash loses none. */
    void append(List<String> rows) {
        try {
            for (String row : rows) {
                out.write(row);
                out.write('\n');
            }
            out.flush();
        } catch (IOException e) {
            throw cannotWrite(path, e, "; make room, then --resume");
        }
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (IOException e) {
            throw cannotWrite(path, e, "");
        }
    }

    private static UncheckedIOException cannotWrite(Path path, IOException e, String remedy) {
        return new UncheckedIOException("Cannot write " + path + " (" + e + ")" + remedy, e);
    }
}

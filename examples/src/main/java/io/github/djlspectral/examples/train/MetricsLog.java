package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.data.BadInputException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The file {@code metrics.csv} of a run: one row per step, readable at any time. */
final class MetricsLog implements AutoCloseable {

    static final String HEADER =
            "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,seconds,"
                    + "tokens_per_second";

    private final Path path;
    private final BufferedWriter out;

    private MetricsLog(Path path, BufferedWriter out) {
        this.path = path;
        this.out = out;
    }

    /**
     * Begins or continues a log. Rows after a step are cut off: they will be made again.
     *
     * @param rows the rows to begin with
     * @throws UncheckedIOException if the file cannot be written
     */
    static MetricsLog open(Path path, List<MetricsRow> rows) {
        StringBuilder text = new StringBuilder(HEADER).append('\n');
        rows.forEach(row -> text.append(format(row)).append('\n'));
        Path partial = path.resolveSibling(path.getFileName() + ".tmp");
        try {
            Files.writeString(partial, text);
            Files.move(
                    partial,
                    path,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            return new MetricsLog(path, Files.newBufferedWriter(path, StandardOpenOption.APPEND));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    /**
     * Reads the rows of a log up to a step.
     *
     * @param lastStep rows of later steps are left out, as is a row that a crash cut short
     * @throws BadInputException if a row is malformed
     * @throws UncheckedIOException if the file cannot be read
     */
    static List<MetricsRow> read(Path path, int lastStep) {
        try {
            List<MetricsRow> rows = new ArrayList<>();
            List<String> lines = Files.readAllLines(path);
            for (int i = 1; i < lines.size(); i++) {
                MetricsRow row = parse(path, i + 1, lines.get(i));
                if (row.step() >= lastStep) {
                    if (row.step() == lastStep) {
                        rows.add(row);
                    }
                    break;
                }
                rows.add(row);
            }
            return rows;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    /** Appends a row and hands it to the operating system, so that a crash loses none. */
    void append(MetricsRow row) {
        try {
            out.write(format(row));
            out.newLine();
            out.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write " + path + " (" + e + "); make room, then --resume", e);
        }
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    /** Floats are written as Java prints them, so that equal text means equal bits. */
    private static String format(MetricsRow row) {
        return String.join(
                ",",
                Integer.toString(row.step()),
                Float.isNaN(row.trainLoss()) && row.step() == 0
                        ? ""
                        : Float.toString(row.trainLoss()),
                row.evaluated() ? Float.toString(row.validationLoss()) : "",
                row.step() == 0 ? "" : Float.toString(row.learningRate()),
                row.step() == 0 ? "" : Float.toString(row.gradientNorm()),
                Long.toString(row.tokens()),
                String.format(Locale.ROOT, "%.3f", row.seconds()),
                row.step() == 0 ? "" : String.format(Locale.ROOT, "%.1f", row.tokensPerSecond()));
    }

    private static MetricsRow parse(Path path, int line, String text) {
        String[] cells = text.split(",", -1);
        try {
            return new MetricsRow(
                    Integer.parseInt(cells[0]),
                    number(cells[1]),
                    number(cells[2]),
                    number(cells[3]),
                    number(cells[4]),
                    Long.parseLong(cells[5]),
                    Double.parseDouble(cells[6]),
                    cells[7].isEmpty() ? Double.NaN : Double.parseDouble(cells[7]));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new BadInputException(path + " is damaged at line " + line + ": " + text, e);
        }
    }

    private static float number(String cell) {
        return cell.isEmpty() ? Float.NaN : Float.parseFloat(cell);
    }
}

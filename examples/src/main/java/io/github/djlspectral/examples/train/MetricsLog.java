package io.github.djlspectral.examples.train;

import io.github.djlspectral.text.BadInputException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** The file {@code metrics.csv} of a run: one row per step, readable at any time. */
final class MetricsLog implements AutoCloseable {

    static final String HEADER =
            "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,seconds,"
                    + "tokens_per_second,skipped";

    private final CsvLog log;

    private MetricsLog(CsvLog log) {
        this.log = log;
    }

    /**
     * Begins or continues a log. Rows after a step are cut off: they will be made again.
     *
     * @param rows the rows to begin with
     * @throws UncheckedIOException if the file cannot be written
     */
    static MetricsLog open(Path path, List<MetricsRow> rows) {
        return new MetricsLog(
                CsvLog.open(path, HEADER, rows.stream().map(MetricsLog::format).toList()));
    }

    /**
     * Reads the rows of a log up to a step.
     *
     * @param lastStep rows of later steps are left out, as is a row that a crash cut short
     * @throws BadInputException if a row is malformed
     * @throws UncheckedIOException if the file cannot be read
     */
    static List<MetricsRow> read(Path path, int lastStep) {
        List<String> rows = CsvLog.read(path, lastStep);
        return IntStream.range(0, rows.size()).mapToObj(i -> parse(path, i, rows.get(i))).toList();
    }

    /** Appends a row and hands it to the operating system, so that a crash loses none. */
    void append(MetricsRow row) {
        log.append(List.of(format(row)));
    }

    @Override
    public void close() {
        log.close();
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
                row.step() == 0 ? "" : String.format(Locale.ROOT, "%.1f", row.tokensPerSecond()),
                Integer.toString(row.skipped()));
    }

    private static MetricsRow parse(Path path, int index, String text) {
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
                    cells[7].isEmpty() ? Double.NaN : Double.parseDouble(cells[7]),
                    cells.length > 8 ? Integer.parseInt(cells[8]) : 0); // older runs skip none
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw CsvLog.damaged(path, index, text, e);
        }
    }

    private static float number(String cell) {
        return cell.isEmpty() ? Float.NaN : Float.parseFloat(cell);
    }
}

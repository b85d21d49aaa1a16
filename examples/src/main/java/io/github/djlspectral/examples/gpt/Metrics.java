package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.experiment.Plot;
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
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** The file {@code metrics.csv} of a run: one row per step, readable at any time. */
final class Metrics {

    private static final String HEADER =
            "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,seconds,"
                    + "tokens_per_second,skipped";

    private Metrics() {}

    /**
     * What is known about a run after a step.
     *
     * @param step the number of steps done
     * @param trainLoss mean loss of the step's tokens before its update, nats per token
     * @param validationLoss nats per token after the update; NaN if not evaluated
     * @param rate the step's learning rate
     * @param norm global norm of the gradient before clipping
     * @param tokens training tokens so far
     * @param seconds time spent in this run so far, without breaks between its processes
     * @param speed tokens per second of training in this step alone
     * @param skipped the steps' batches skipped so far, as loss or gradients were not finite
     */
    record Row(
            int step,
            float trainLoss,
            float validationLoss,
            float rate,
            float norm,
            long tokens,
            double seconds,
            double speed,
            int skipped) {

        /** Of an untrained model. */
        static Row first(float validationLoss, double seconds) {
            float none = Float.NaN;
            return new Row(0, none, validationLoss, none, none, 0, seconds, none, 0);
        }

        Row withValidation(float loss) {
            return new Row(step, trainLoss, loss, rate, norm, tokens, seconds, speed, skipped);
        }

        boolean evaluated() {
            return !Float.isNaN(validationLoss);
        }

        private String format() {
            return Table.text(
                    "%s,%s,%s,%s,%s,%s,%.3f,%s,%s",
                    step,
                    cell(trainLoss),
                    cell(validationLoss),
                    cell(rate),
                    cell(norm),
                    tokens,
                    seconds,
                    Double.isNaN(speed) ? "" : Table.text("%.1f", speed),
                    skipped);
        }

        /** Floats are written as Java prints them, so that equal text means equal bits. */
        private static String cell(float number) {
            return Float.isNaN(number) ? "" : Float.toString(number);
        }

        private static float number(String cell) {
            return cell.isEmpty() ? Float.NaN : Float.parseFloat(cell);
        }

        private static Row parse(Path path, int index, String text) {
            String[] cells = text.split(",", -1);
            try {
                return new Row(
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
                throw Log.damaged(path, index, text, e);
            }
        }
    }

    /** Begins or continues a log with these rows. Others are cut off: they will be made again. */
    static Log<Row> open(Path path, List<Row> rows) {
        return new Log<>(path, HEADER, rows, Row::format);
    }

    /** Reads the rows of a log up to a step, without one that a crash cut short. */
    static List<Row> read(Path path, int lastStep) {
        List<String> rows = Log.read(path, lastStep);
        return IntStream.range(0, rows.size())
                .mapToObj(i -> Row.parse(path, i, rows.get(i)))
                .toList();
    }

    /** Returns an empty picture of losses over steps. */
    static Plot losses(String title) {
        return new Plot(title, "step", "loss, nats per token").size(900, 540);
    }

    /** Draws training and validation loss over steps into a PNG file, if there is any. */
    static void plot(String title, List<Row> rows, Path path) {
        List<Row> trained = rows.stream().filter(r -> Float.isFinite(r.trainLoss())).toList();
        Plot losses = losses(title);
        losses.addSmoothed("training", values(trained, Row::step), values(trained, Row::trainLoss));
        addValidation(losses, "validation", rows);
        losses.save(path);
    }

    /** Adds a curve of validation losses. */
    static void addValidation(Plot losses, String name, List<Row> rows) {
        losses.add(
                name, Plot.Style.LINE, values(rows, Row::step), values(rows, Row::validationLoss));
    }

    private static double[] values(List<Row> rows, ToDoubleFunction<Row> value) {
        return rows.stream().mapToDouble(value).toArray();
    }

    /** A table in a file that grows by rows of one line or several, each beginning with a step. */
    static final class Log<R> implements AutoCloseable {

        private final Path path;
        private final Function<R, String> format;
        private final BufferedWriter out;

        /** Replaces the file, whole or not at all, and leaves it open at its end. */
        Log(Path path, String header, List<R> rows, Function<R, String> format) {
            this.path = path;
            this.format = format;
            List<String> lines = new ArrayList<>(List.of(header));
            lines.addAll(rows.stream().map(format).toList());
            Table.write(path, lines);
            try {
                out = Files.newBufferedWriter(path, StandardOpenOption.APPEND);
            } catch (IOException e) {
                throw cannotWrite(e, "");
            }
        }

        /** Reads the lines before the first of a later step, without one that a crash cut short. */
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
        void append(List<R> rows) {
            try {
                for (R row : rows) {
                    out.write(format.apply(row) + "\n");
                }
                out.flush();
            } catch (IOException e) {
                throw cannotWrite(e, "; make room, then --resume");
            }
        }

        @Override
        public void close() {
            try {
                out.close();
            } catch (IOException e) {
                throw cannotWrite(e, "");
            }
        }

        private UncheckedIOException cannotWrite(IOException e, String remedy) {
            return new UncheckedIOException("Cannot write " + path + " (" + e + ")" + remedy, e);
        }
    }
}

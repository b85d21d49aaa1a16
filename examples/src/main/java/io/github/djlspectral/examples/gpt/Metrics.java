package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The file {@code metrics.csv} of a run: one row per step, readable at any time. */
public final class Metrics {

    private static final String HEADER =
            "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,seconds,"
                    + "tokens_per_second,skipped";

    private Metrics() {}

    /** Returns how many times as long as in the fastest step tokens take at this speed. */
    static double slowness(List<Row> rows, double speed) {
        return rows.stream().mapToDouble(Row::speed).filter(s -> s > speed).max().orElse(speed)
                / speed;
    }

    /**
     * What is known about a run after a step. Losses are in nats per token, NaN if not evaluated;
     * that in training is the mean over the step's tokens before its update.
     *
     * @param norm global norm of the gradient before clipping
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

        private static Row parse(String[] cells) {
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
        }
    }

    /** Begins or continues a log with these rows. Others are cut off: they will be made again. */
    static Log<Row> open(Path path, List<Row> rows) {
        return new Log<>(path, HEADER, rows, Row::format);
    }

    /** Reads the rows of a log up to a step, without one that a crash cut short. */
    static List<Row> read(Path path, int lastStep) {
        return Log.read(path, lastStep, Row::parse);
    }

    /** The same of a run that goes on after a step, whose row must be there. */
    static List<Row> readAll(Path path, int step) {
        List<Row> rows = read(path, step);
        boolean whole = !rows.isEmpty() && rows.get(rows.size() - 1).step() == step;
        String fault =
                "%s lacks the row of step %s, of the last checkpoint: delete that checkpoint to go"
                        + " on from the one before";
        BadInputException.unless(whole, fault, path, step);
        return rows;
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

        /**
         * Reads what was written up to a step, without a line that a crash cut short.
         *
         * @param parse makes of the cells of a line what to return
         */
        static <T> List<T> read(Path path, int lastStep, Function<String[], T> parse) {
            try {
                String text = Files.readString(path);
                String[] lines = text.substring(0, text.lastIndexOf('\n') + 1).split("\n");
                List<T> rows = new ArrayList<>();
                for (int i = 1; i < lines.length; i++) {
                    try {
                        String[] cells = lines[i].split(",", -1);
                        if (Integer.parseInt(cells[0]) > lastStep) {
                            break;
                        }
                        rows.add(parse.apply(cells));
                    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                        throw damaged(path, i, lines[i], e);
                    }
                }
                return rows;
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
            }
        }

        /** Says which line cannot be used, counted from 0. */
        static BadInputException damaged(Path path, int index, String line, Exception cause) {
            return new BadInputException(
                    path + " is damaged at line " + (index + 1) + ": " + line, cause);
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

    /** Compares the validation losses of groups of runs that differ in their seed alone. */
    @Command(
            name = "compare",
            description = "Compares validation losses of runs, several seeds to a group.")
    public static final class CompareCommand implements Runnable {

        @Parameters(
                arity = "1..*",
                paramLabel = "<group=glob>",
                description = "Runs by group, such as Muon='runs/muon-*'.")
        private final Map<String, String> groups = new LinkedHashMap<>();

        @Option(
                names = "--title",
                defaultValue = "validation loss",
                description = "The plot's title.")
        private String title;

        @Option(
                names = "--plot",
                paramLabel = "<file>",
                description = "Writes the curves to a PNG.")
        private Path plot;

        @Override
        public void run() {
            Map<String, List<Path>> runs = new LinkedHashMap<>();
            groups.forEach((name, glob) -> runs.put(name, find(glob)));
            table(runs).forEach(System.out::println);
            if (plot != null) {
                plot(runs, title, plot);
            }
        }

        /** Finds the runs in a directory whose names match a glob such as {@code runs/muon-*}. */
        static List<Path> find(String pattern) {
            Path path = Path.of(pattern);
            Path parent = path.toAbsolutePath().getParent();
            List<Path> runs = new ArrayList<>();
            if (Files.isDirectory(parent)) {
                String glob = path.getFileName().toString();
                try (DirectoryStream<Path> found = Files.newDirectoryStream(parent, glob)) {
                    found.forEach(runs::add);
                } catch (IOException e) {
                    throw new UncheckedIOException("Cannot list " + parent + " (" + e + ")", e);
                }
            }
            runs.removeIf(run -> !Files.exists(run.resolve(RunDirectory.METRICS)));
            unless(!runs.isEmpty(), "No run with a metrics.csv matches %s", pattern);
            Collections.sort(runs);
            return runs;
        }

        /** Returns the final losses, a group a row: mean over the runs, their least and largest. */
        static List<String> table(Map<String, List<Path>> groups) {
            Table table =
                    new Table("", "runs", "steps", "final validation loss", "least", "largest");
            groups.forEach(
                    (name, runs) -> {
                        DoubleSummaryStatistics loss =
                                runs.stream()
                                        .mapToDouble(run -> last(run).validationLoss())
                                        .summaryStatistics();
                        table.add(
                                name,
                                runs.size(),
                                last(runs.get(0)).step(),
                                Table.text("%.4f", loss.getAverage()),
                                Table.text("%.4f", loss.getMin()),
                                Table.text("%.4f", loss.getMax()));
                    });
            return table.markdown();
        }

        /** Draws the curve of every run, one colour a group. */
        static void plot(Map<String, List<Path>> groups, String title, Path path) {
            Plot losses = losses(title);
            groups.forEach(
                    (name, runs) ->
                            runs.forEach(run -> addValidation(losses, name, evaluated(run))));
            losses.save(path);
        }

        private static Row last(Path run) {
            List<Row> rows = evaluated(run);
            return rows.get(rows.size() - 1);
        }

        private static List<Row> evaluated(Path run) {
            List<Row> rows =
                    read(run.resolve(RunDirectory.METRICS), Integer.MAX_VALUE).stream()
                            .filter(Row::evaluated)
                            .toList();
            unless(!rows.isEmpty(), "%s has no validation loss yet", run);
            return rows;
        }
    }
}

package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.LocalDescent;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.sweep.StepMeasurement.Point;
import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.HeatMapChartBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The command that measures what single steps with other exponents would do. */
@Command(
        name = "landscape",
        description = {
            "Trains GPT-2 with Muon and measures, at some steps, how one step of Freon with each"
                    + " exponent and learning rate would change the validation loss.",
            "Steps that --out has already are not measured again. Results: landscape.csv,"
                    + " landscape.md, landscape-<step>.png."
        })
public final class LandscapeCommand implements Runnable {

    private static final List<Integer> QUICK_STEPS = List.of(0, 10, 50, 100, 200);
    private static final List<Integer> FULL_STEPS = List.of(0, 100, 400, 900, 1700);

    /** What the run changes: its optimizer, and a smaller fixed batch to validate on. */
    private static final String OWN = "--optimizer muon --lr 0.02 --eval-batches 4";

    private static final int WIDTH = 1000;
    private static final int HEIGHT = 600;
    private static final Color FALLS = new Color(0x2166ac);
    private static final Color RISES = new Color(0xb2182b);

    @Mixin private TrainArguments.Given given = new TrainArguments.Given();

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where the results go. Default: runs/landscape.")
    Path out = Path.of("runs", "landscape");

    @Option(
            names = "--at",
            split = ",",
            paramLabel = "<steps>",
            description =
                    "Steps of training before each measurement. Default: 0,10,50,100,200 if"
                            + " --quick, else 0,100,400,900,1700.")
    private List<Integer> at;

    /** c of the steps to try from the same weights, each at every learning rate: 0, 1/12, .. 1. */
    List<Double> exponents = IntStream.rangeClosed(0, 12).mapToObj(i -> i / 12.0).toList();

    /** Four learning rates per decade from 0.001 to 3. */
    List<Double> rates =
            IntStream.rangeClosed(-12, 2).mapToObj(i -> Math.pow(10, i / 4.0)).toList();

    @Override
    public void run() {
        TrainArguments size = TrainArguments.size(given.quick).plus(TrainArguments.parse(OWN));
        TrainArguments arguments = size.plus(given.arguments());
        List<Integer> steps = at != null ? at : given.quick ? QUICK_STEPS : FULL_STEPS;
        String rule =
                "--optimizer is %s, but must be one with a momentum of hidden matrices, such as"
                        + " muon";
        String optimizer = arguments.values().get("--optimizer");
        BadInputException.unless(arguments.options().isSpectral(), rule, optimizer);
        int last = arguments.options().steps() - 1;
        for (int step : steps) {
            rule = "--at has %s, but must be in [0, %s], before --steps";
            BadInputException.unless(step >= 0 && step <= last, rule, step, last);
        }
        try (Corpus corpus = arguments.load()) {
            System.out.println(corpus.description());
            List<Point> points = measure(arguments, steps, corpus, System.out);
            draw(points, out);
            List<String> page = new ArrayList<>(List.of(corpus.description() + ".", ""));
            page.addAll(table(points));
            Table.write(out.resolve("landscape.md"), page);
            table(points).forEach(System.out::println);
        }
    }

    /**
     * Measures what is left to measure; each step's points are kept as soon as they are known.
     *
     * @throws BadInputException if the directory has another landscape, or a damaged one
     */
    List<Point> measure(
            TrainArguments arguments, List<Integer> steps, Corpus corpus, PrintStream messages) {
        Finished<Point[]> finished = new Finished<>(out.resolve("steps"), Point[].class);
        String grid = "\nexponents " + exponents + "\nlearning rates " + rates + "\n";
        String of = String.join("\n", arguments.toList()) + grid + corpus.description();
        SortedMap<Integer, Point[]> points = new TreeMap<>();
        for (Point[] some : finished.all(of)) {
            String empty = "%s has a step without points: delete it to measure it again";
            BadInputException.unless(some.length > 0, empty, finished.folder());
            points.put(some[0].step(), some);
        }
        SortedSet<Integer> left = new TreeSet<>(steps);
        left.removeAll(points.keySet());
        String plan = "%d steps to measure, %d points each";
        messages.println(Table.text(plan, left.size(), exponents.size() * rates.size()));
        if (!left.isEmpty()) {
            try (StepMeasurement measurement = new StepMeasurement(arguments.options(), corpus)) {
                for (int step = 0; step <= left.last(); step++) {
                    if (!left.contains(step)) {
                        measurement.run.step(() -> false);
                        continue;
                    }
                    Point[] found = measurement.stepAndMeasure(exponents, rates);
                    points.put(step, found);
                    finished.write("step-" + step, of, found);
                    Point p = best(List.of(found));
                    String line =
                            "step %d: loss %.4f, changed by %.4f at best, with c = %.2f and"
                                    + " learning rate %.2g";
                    messages.println(
                            Table.text(line, step, p.loss(), p.change(), p.exponent(), p.rate()));
                }
            }
        }
        String header =
                "step,exponent,learning_rate,validation_loss_before,validation_loss_change,slope,"
                        + "batch_slope,curvature,alignment,potential,best_step";
        Table csv = new Table(header.split(","));
        List<Point> all = points.values().stream().flatMap(Arrays::stream).toList();
        for (Point p : all) {
            LocalDescent d = p.descent();
            csv.add(
                    p.step(),
                    p.exponent(),
                    p.rate(),
                    p.loss(),
                    p.change(),
                    d.slope(),
                    d.batchSlope(),
                    d.curvature(),
                    d.alignment(),
                    d.potential(),
                    d.bestStep());
        }
        Table.write(out.resolve("landscape.csv"), csv.csv());
        return all;
    }

    /** Returns the point where the loss falls most. */
    private static Point best(List<Point> points) {
        return points.stream().min(Comparator.comparingDouble(Point::change)).orElseThrow();
    }

    private static <K> Map<K, List<Point>> by(Function<Point, K> key, List<Point> points) {
        return points.stream()
                .collect(Collectors.groupingBy(key, TreeMap::new, Collectors.toList()));
    }

    /** Returns Markdown: the best point at each step, and what was found of each exponent. */
    static List<String> table(List<Point> points) {
        Table table = new Table("step", "loss", "best c", "its learning rate", "loss change");
        for (List<Point> some : by(Point::step, points).values()) {
            Point p = best(some);
            String loss = Table.text("%.4f", p.loss());
            String change = Table.text("%.4f", p.change());
            table.add(p.step(), loss, twoDigits(p.exponent()), twoDigits(p.rate()), change);
        }
        List<String> lines = new ArrayList<>(table.markdown());
        lines.addAll(List.of("", "The largest fall of each c, and its learning rate:", ""));
        lines.addAll(byExponent(points, LandscapeCommand::fall));
        String title = "Alignment, and descent potential, of each c, by differences of gradients:";
        lines.addAll(List.of("", title, ""));
        lines.addAll(byExponent(points, LandscapeCommand::descent));
        return lines;
    }

    private static String fall(List<Point> points) {
        Point p = best(points);
        return Table.text("%.4f at %s", p.change(), twoDigits(p.rate()));
    }

    private static String descent(List<Point> points) {
        LocalDescent descent = points.get(0).descent();
        return Table.text("%.2f, %.2g", descent.alignment(), descent.potential());
    }

    /** A row for each exponent, of whose points at a step the function makes a cell. */
    private static List<String> byExponent(List<Point> points, Function<List<Point>, String> cell) {
        Stream<String> steps =
                by(Point::step, points).keySet().stream().map(step -> "step " + step);
        Table table = new Table(Stream.concat(Stream.of("c"), steps).toArray(String[]::new));
        for (List<Point> some : by(Point::exponent, points).values()) {
            Stream<String> cells = by(Point::step, some).values().stream().map(cell);
            String exponent = twoDigits(some.get(0).exponent());
            table.add(Stream.concat(Stream.of(exponent), cells).toArray());
        }
        return table.markdown();
    }

    /**
     * Draws a heat map for each step, and the decrease that the best step along each direction
     * would bring by the second-order model, where that has one.
     */
    static void draw(List<Point> points, Path directory) {
        String title = "best step of each exponent, by the second-order model";
        Plot plot = new Plot(title, "exponent c", "decrease of the training loss").logY();
        for (List<Point> some : by(Point::step, points).values()) {
            int step = some.get(0).step();
            double rate = some.get(0).rate(); // the model is the same for all
            List<Point> one = some.stream().filter(p -> p.rate() == rate).toList();
            double[] x = one.stream().mapToDouble(Point::exponent).toArray();
            double[] y = one.stream().mapToDouble(p -> p.descent().bestDecrease()).toArray();
            plot.add("step " + step, Plot.Style.MARKED, x, y);
            Path path = directory.resolve("landscape-" + step + ".png");
            Plot.save(path, 1, () -> List.of(chart(step, some)));
        }
        plot.size(WIDTH, HEIGHT).save(directory.resolve("descent.png"));
    }

    private static HeatMapChart chart(int step, List<Point> points) {
        HeatMapChart chart =
                new HeatMapChartBuilder() // without it, XChart draws a blank page
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title("change of the validation loss by one step, after step " + step)
                        .xAxisTitle("learning rate")
                        .yAxisTitle("exponent c")
                        .build();
        // Rises have no bound; a colour scale as wide as the largest fall shows where it falls.
        double fall = Math.max(Math.abs(best(points).change()), Float.MIN_NORMAL);
        double range = new BigDecimal(fall).round(new MathContext(2)).doubleValue();
        chart.getStyler()
                .setRangeColors(new Color[] {FALLS, Color.WHITE, RISES})
                .setMin(-range)
                .setMax(range);
        List<Double> exponents = List.copyOf(by(Point::exponent, points).keySet());
        List<Double> rates = List.copyOf(by(Point::rate, points).keySet());
        List<Number[]> cells = new ArrayList<>();
        for (Point p : points) {
            double shown = p.change() <= range ? p.change() : range; // also for NaN
            int row = exponents.indexOf(p.exponent());
            cells.add(new Number[] {rates.indexOf(p.rate()), row, shown});
        }
        chart.addSeries(
                "loss change",
                rates.stream().map(LandscapeCommand::twoDigits).toList(),
                exponents.stream().map(LandscapeCommand::twoDigits).toList(),
                cells);
        return chart;
    }

    private static String twoDigits(double value) {
        return value == 0 ? "0" : Table.text(value < 0.1 ? "%.2g" : "%.2f", value);
    }
}

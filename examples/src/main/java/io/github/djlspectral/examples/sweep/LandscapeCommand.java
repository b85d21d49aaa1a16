package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.LocalDescent;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.sweep.Landscape.Point;

import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.HeatMapChartBuilder;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.awt.Color;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

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
    private Path out = Path.of("runs", "landscape");

    @Option(
            names = "--at",
            split = ",",
            paramLabel = "<steps>",
            description =
                    "Steps of training before each measurement. Default: 0,10,50,100,200 if"
                            + " --quick, else 0,100,400,900,1700.")
    private List<Integer> at;

    @Override
    public void run() {
        TrainArguments size = TrainArguments.size(given.quick).plus(TrainArguments.parse(OWN));
        TrainArguments arguments = size.plus(given.arguments());
        List<Integer> steps = at != null ? at : given.quick ? QUICK_STEPS : FULL_STEPS;
        // c = 0, 1/12, .. 1 and four learning rates per decade from 0.001 to 3
        List<Double> exponents = IntStream.rangeClosed(0, 12).mapToObj(i -> i / 12.0).toList();
        List<Double> rates =
                IntStream.rangeClosed(-12, 2).mapToObj(i -> Math.pow(10, i / 4.0)).toList();
        Landscape landscape = new Landscape(arguments, new TreeSet<>(steps), exponents, rates);
        try (Corpus corpus = arguments.load()) {
            String data = corpus.description();
            System.out.println(data);
            List<Point> points = landscape.measure(corpus, out, System.out);
            draw(points, out);
            List<String> page = new ArrayList<>(List.of(data + ".", ""));
            page.addAll(table(points));
            Table.write(out.resolve("landscape.md"), page);
            table(points).forEach(System.out::println);
        }
    }

    private static <K> Map<K, List<Point>> by(Function<Point, K> key, List<Point> points) {
        return points.stream()
                .collect(Collectors.groupingBy(key, TreeMap::new, Collectors.toList()));
    }

    /** Returns Markdown: the best point at each step, and what was found of each exponent. */
    static List<String> table(List<Point> points) {
        Table table = new Table("step", "loss", "best c", "its learning rate", "loss change");
        by(Point::step, points)
                .forEach(
                        (step, some) -> {
                            Point p = Landscape.best(some);
                            String loss = Table.text("%.4f", p.loss());
                            String c = twoDigits(p.exponent());
                            String change = Table.text("%.4f", p.change());
                            table.add(step, loss, c, twoDigits(p.rate()), change);
                        });
        List<String> lines = new ArrayList<>(table.markdown());
        lines.addAll(List.of("", "The largest fall of each c, and its learning rate:", ""));
        lines.addAll(
                byExponent(
                        points,
                        some -> {
                            Point p = Landscape.best(some);
                            return Table.text("%.4f at %s", p.change(), twoDigits(p.rate()));
                        }));
        String title = "Alignment, and descent potential, of each c, by differences of gradients:";
        lines.addAll(List.of("", title, ""));
        lines.addAll(
                byExponent(
                        points,
                        some -> {
                            LocalDescent d = some.get(0).descent();
                            return Table.text("%.2f, %.2g", d.alignment(), d.potential());
                        }));
        return lines;
    }

    /** A row for each exponent, of whose points at a step the function makes a cell. */
    private static List<String> byExponent(List<Point> points, Function<List<Point>, String> cell) {
        List<String> header = new ArrayList<>(List.of("c"));
        by(Point::step, points).keySet().forEach(step -> header.add("step " + step));
        Table table = new Table(header.toArray(String[]::new));
        by(Point::exponent, points)
                .forEach(
                        (exponent, some) -> {
                            List<String> row = new ArrayList<>(List.of(twoDigits(exponent)));
                            by(Point::step, some).values().forEach(s -> row.add(cell.apply(s)));
                            table.add(row.toArray());
                        });
        return table.markdown();
    }

    /**
     * Draws a heat map for each step, and the decrease that the best step along each direction
     * would bring by the second-order model, where that has one.
     */
    static void draw(List<Point> points, Path directory) {
        String title = "best step of each exponent, by the second-order model";
        Plot plot = new Plot(title, "exponent c", "decrease of the training loss").logY();
        by(Point::step, points)
                .forEach(
                        (step, some) -> {
                            Map<Double, List<Point>> exponents = by(Point::exponent, some);
                            double[] x = exponents.keySet().stream().mapToDouble(c -> c).toArray();
                            double[] y =
                                    exponents.values().stream()
                                            .mapToDouble(p -> p.get(0).descent().bestDecrease())
                                            .toArray();
                            plot.add("step " + step, Plot.Style.MARKED, x, y);
                            Path path = directory.resolve("landscape-" + step + ".png");
                            Plot.save(path, 1, () -> List.of(chart(step, some)));
                        });
        plot.size(WIDTH, HEIGHT).save(directory.resolve("descent.png"));
    }

    private static HeatMapChart chart(int step, List<Point> points) {
        HeatMapChart chart =
                new HeatMapChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title("change of the validation loss by one step, after step " + step)
                        .xAxisTitle("learning rate")
                        .yAxisTitle("exponent c")
                        .build();
        // Rises have no bound; a colour scale as wide as the largest fall shows where it falls.
        double fall = Math.max(Math.abs(Landscape.best(points).change()), Float.MIN_NORMAL);
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

package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * What one contender takes as one size grows.
 *
 * @param axis what grows, such as "width"
 * @param contender who
 * @param points by increasing size, at least one
 */
record Growth(String axis, String contender, List<Point> points) {

    private static final Pattern SUBJECT = Pattern.compile("(\\w+)=(\\d+(?:\\.\\d+)?)");
    private static final int WIDTH = 540;
    private static final int HEIGHT = 380;

    /** A size and what was measured there. */
    record Point(double size, Measurement measurement) {}

    /** Returns all curves, in the order of the measurements. */
    static List<Growth> of(Results results) {
        Map<List<String>, Growth> curves = new LinkedHashMap<>();
        for (Measurement measurement : results.of(Suite.GROWTH)) {
            Matcher matcher = SUBJECT.matcher(measurement.key().subject());
            if (measurement.isMeasured() && matcher.matches()) {
                String axis = matcher.group(1);
                String contender = measurement.key().contender();
                curves.computeIfAbsent(
                                List.of(axis, contender),
                                name -> new Growth(axis, contender, new ArrayList<>()))
                        .points
                        .add(new Point(Double.parseDouble(matcher.group(2)), measurement));
            }
        }
        curves.values().forEach(c -> c.points.sort(Comparator.comparingDouble(Point::size)));
        return List.copyOf(curves.values());
    }

    private double[] sizes() {
        return points.stream().mapToDouble(Point::size).toArray();
    }

    /** Returns seconds at each size. */
    private double[] times() {
        return points.stream().mapToDouble(point -> point.measurement.time().value()).toArray();
    }

    /** Returns GiB without the base at each size; NaN where it was not measured. */
    private double[] memories() {
        return points.stream()
                .map(point -> point.measurement.ownMemory().map(Uncertain::value))
                .mapToDouble(bytes -> bytes.orElse(Double.NaN) / Report.GIBI)
                .toArray();
    }

    /** Fits the time; empty if there are less than two sizes. */
    Optional<PowerLaw> timeFit() {
        return fit(times());
    }

    private Optional<PowerLaw> fit(double[] y) {
        double[] x = sizes();
        int[] known = IntStream.range(0, y.length).filter(i -> !Double.isNaN(y[i])).toArray();
        double[] knownX = IntStream.of(known).mapToDouble(i -> x[i]).toArray();
        double[] knownY = IntStream.of(known).mapToDouble(i -> y[i]).toArray();
        return Optional.of(knownX).filter(k -> k.length > 1).map(k -> PowerLaw.fit(k, knownY));
    }

    /** Returns the deviation of memory from its prediction that is largest in size. */
    Optional<Uncertain> worstMemoryDeviation() {
        return points.stream()
                .flatMap(point -> point.measurement.memoryDeviation().stream())
                .max(Comparator.comparingDouble(deviation -> Math.abs(deviation.value())));
    }

    /** Returns a table of the exponents of curves, as Markdown; empty without two sizes. */
    static List<String> lines(List<Growth> curves) {
        Table table =
                new Table(
                        "growing",
                        "from, to",
                        "contender",
                        "time grows with exponent",
                        "its memory with exponent",
                        "memory against formula, worst");
        for (Growth curve : curves) {
            double[] sizes = curve.sizes();
            int count = sizes.length;
            if (count > 1) {
                table.add(
                        curve.axis,
                        Table.text("%.0f, %.0f (%d)", sizes[0], sizes[count - 1], count),
                        curve.contender,
                        exponent(curve.timeFit()),
                        exponent(curve.fit(curve.memories())),
                        curve.worstMemoryDeviation().map(Uncertain::percent).orElse(""));
            }
        }
        return Report.section("### Exponents, fitted on logarithmic axes", table);
    }

    private static String exponent(Optional<PowerLaw> fit) {
        return fit.map(law -> Uncertain.exponent(law).toString()).orElse("");
    }

    /**
     * Draws points and fits on logarithmic axes: a row of panels for time, one for memory, a column
     * for each size that grows. Curves of one size only are left out.
     */
    static void draw(List<Growth> curves, Path path) {
        List<Growth> growing = curves.stream().filter(c -> c.points.size() > 1).toList();
        List<String> axes = growing.stream().map(Growth::axis).distinct().toList();
        List<Plot> panels = new ArrayList<>();
        for (boolean time : new boolean[] {true, false}) {
            for (String axis : axes) {
                String title = (time ? "Time" : "Memory") + " against " + axis;
                Plot plot = new Plot(title, axis, time ? "seconds" : "GiB").logX().logY();
                growing.stream()
                        .filter(curve -> curve.axis.equals(axis))
                        .forEach(
                                curve -> curve.draw(plot, time ? curve.times() : curve.memories()));
                panels.add(plot.size(WIDTH, HEIGHT));
            }
        }
        Plot.save(path, axes.size(), panels);
    }

    private void draw(Plot plot, double[] y) {
        plot.add(contender, Style.POINTS, sizes(), y);
        fit(y).ifPresent(
                        law ->
                                plot.add(
                                        contender,
                                        Style.LINE,
                                        sizes(),
                                        Arrays.stream(sizes()).map(law::at).toArray()));
    }
}

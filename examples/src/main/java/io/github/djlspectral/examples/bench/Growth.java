package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Results.Round;
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
import java.util.stream.IntStream;

/**
 * What one contender takes as one size grows.
 *
 * @param axis what grows, such as "width"
 * @param points by increasing size, at least one
 */
record Growth(String axis, String contender, List<Measurement> points) {

    /** Returns all curves, in the order of the measurements. */
    static List<Growth> of(Results results) {
        Map<List<String>, Growth> curves = new LinkedHashMap<>();
        for (Measurement point : results.of(Suite.GROWTH)) {
            String axis = point.key().subject().replaceAll("=.*", "");
            List<String> name = List.of(axis, point.key().contender());
            if (point.isMeasured()) {
                curves.computeIfAbsent(name, n -> new Growth(axis, n.get(1), new ArrayList<>()))
                        .points
                        .add(point);
            }
        }
        curves.values().forEach(c -> c.points.sort(Comparator.comparing(Growth::size)));
        return List.copyOf(curves.values());
    }

    private static double size(Measurement point) {
        return Double.parseDouble(point.key().subject().replaceAll(".*=", ""));
    }

    private double[] sizes() {
        return points.stream().mapToDouble(Growth::size).toArray();
    }

    /** Returns seconds at each size. */
    private double[] times() {
        return points.stream().mapToDouble(point -> point.time().value()).toArray();
    }

    /** Returns GiB without the base at each size; NaN where it was not measured. */
    private double[] memories() {
        return points.stream()
                .map(point -> point.mean(Round::ownMemory).map(Uncertain::value))
                .mapToDouble(bytes -> bytes.orElse(Double.NaN) / Report.GIBI)
                .toArray();
    }

    /** Returns the exponent of the time; empty if there are less than two sizes. */
    Optional<Uncertain> exponent() {
        return exponent(times());
    }

    private Optional<Uncertain> exponent(double[] y) {
        return fit(y).map(law -> new Uncertain(law.exponent(), law.margin()));
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
                .flatMap(point -> point.memoryDeviation().stream())
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
                        Report.text(curve.exponent()),
                        Report.text(curve.exponent(curve.memories())),
                        Report.text(curve.worstMemoryDeviation().map(Uncertain::percent)));
            }
        }
        return Report.section("### Exponents, fitted on logarithmic axes", table);
    }

    /**
     * Draws points and fits on logarithmic axes: a row of panels for time, one for memory, a column
     * for each size that grows. Curves of one size only are left out.
     *
     * @return whether there is anything to draw
     */
    static boolean draw(List<Growth> curves, Path path) {
        List<Growth> growing = curves.stream().filter(c -> c.points.size() > 1).toList();
        List<String> axes = growing.stream().map(Growth::axis).distinct().toList();
        List<Plot> panels = new ArrayList<>();
        for (boolean time : new boolean[] {true, false}) {
            for (String axis : axes) {
                String title = (time ? "Time" : "Memory") + " against " + axis;
                Plot plot = new Plot(title, axis, time ? "seconds" : "GiB").logX().logY();
                growing.stream()
                        .filter(curve -> curve.axis.equals(axis))
                        .forEach(c -> c.draw(plot, time ? c.times() : c.memories()));
                panels.add(plot.size(540, 380));
            }
        }
        if (!panels.isEmpty()) {
            Plot.save(path, axes.size(), panels);
        }
        return !panels.isEmpty();
    }

    private void draw(Plot plot, double[] y) {
        double[] x = sizes();
        plot.add(contender, Style.POINTS, x, y);
        fit(y).map(law -> Arrays.stream(x).map(law::at).toArray())
                .ifPresent(fit -> plot.add(contender, Style.LINE, x, fit));
    }
}

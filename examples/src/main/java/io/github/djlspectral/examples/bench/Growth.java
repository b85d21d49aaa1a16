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
import java.util.function.ToDoubleFunction;

/** What one contender takes as one size grows, such as "width": points by increasing size. */
record Growth(String axis, String contender, List<Measurement> points) {

    static List<Growth> of(Results results) {
        Map<String, Growth> curves = new LinkedHashMap<>();
        for (Measurement point : results.of(Suite.GROWTH)) {
            if (point.isMeasured()) {
                String axis = point.key().subject().replaceAll("=.*", "");
                String contender = point.key().contender();
                Growth empty = new Growth(axis, contender, new ArrayList<>());
                curves.computeIfAbsent(axis + contender, name -> empty).points.add(point);
            }
        }
        curves.values().forEach(c -> c.points.sort(Comparator.comparing(Growth::size)));
        return List.copyOf(curves.values());
    }

    private static double size(Measurement point) {
        return Double.parseDouble(point.key().subject().replaceAll(".*=", ""));
    }

    /** Returns the sizes at which a number is known. */
    private double[] sizes(ToDoubleFunction<Round> number) {
        return points.stream()
                .filter(point -> point.mean(number).isPresent())
                .mapToDouble(Growth::size)
                .toArray();
    }

    /** Returns a number there. */
    private double[] means(ToDoubleFunction<Round> number) {
        return points.stream()
                .flatMap(point -> point.mean(number).stream())
                .mapToDouble(Uncertain::value)
                .toArray();
    }

    /** Fits a number; empty if there are less than two sizes. */
    private Optional<PowerLaw> fit(ToDoubleFunction<Round> number) {
        double[] x = sizes(number);
        return x.length < 2 ? Optional.empty() : Optional.of(PowerLaw.fit(x, means(number)));
    }

    Optional<Uncertain> exponent(ToDoubleFunction<Round> number) {
        return fit(number).map(law -> new Uncertain(law.exponent(), law.margin()));
    }

    /** Returns the deviation of memory from its prediction that is largest in size. */
    Optional<Uncertain> worstMemoryDeviation() {
        return points.stream()
                .flatMap(point -> point.memoryDeviation().stream())
                .max(Comparator.comparingDouble(deviation -> Math.abs(deviation.value())));
    }

    /** Returns a table of the exponents of curves, as Markdown; empty without two sizes. */
    static List<String> lines(List<Growth> curves) {
        String header =
                "growing;from, to;contender;time grows with exponent;its memory with exponent;"
                        + "memory against formula, worst";
        Table table = new Table(header.split(";"));
        for (Growth curve : curves) {
            int last = curve.points.size() - 1;
            if (last > 0) {
                double least = size(curve.points.get(0));
                double most = size(curve.points.get(last));
                table.add(
                        curve.axis,
                        Table.text("%.0f, %.0f (%d)", least, most, last + 1),
                        curve.contender,
                        Report.text(curve.exponent(Round::time)),
                        Report.text(curve.exponent(Round::ownMemory)),
                        Report.text(curve.worstMemoryDeviation().map(Uncertain::percent)));
            }
        }
        return Report.section("### Exponents, fitted on logarithmic axes", table);
    }

    /**
     * Draws points and fits on logarithmic axes, if there are any: a row of panels for time, one
     * for memory, a column for each size that grows. Curves of one size only are left out.
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
                        .forEach(
                                c ->
                                        c.draw(
                                                plot,
                                                r ->
                                                        time
                                                                ? r.time()
                                                                : r.ownMemory() / Report.GIBI));
                panels.add(plot.size(540, 380));
            }
        }
        if (!panels.isEmpty()) {
            Plot.save(path, axes.size(), panels);
        }
        return !panels.isEmpty();
    }

    private void draw(Plot plot, ToDoubleFunction<Round> number) {
        double[] x = sizes(number);
        plot.add(contender, Style.POINTS, x, means(number));
        fit(number)
                .map(law -> Arrays.stream(x).map(law::at).toArray())
                .ifPresent(y -> plot.add(contender, Style.LINE, x, y));
    }
}

package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one contender takes as one size grows.
 *
 * @param axis what grows, such as "width"
 * @param contender who
 * @param points by increasing size, at least one
 */
record GrowthCurve(String axis, String contender, List<Point> points) {

    private static final Pattern SUBJECT = Pattern.compile("(\\w+)=(\\d+(?:\\.\\d+)?)");

    /** A size and what was measured there. */
    record Point(double size, Measurement measurement) {

        private boolean hasMemory() {
            return measurement.ownMemory().isPresent();
        }
    }

    /** Returns all curves, in the order of the measurements. */
    static List<GrowthCurve> of(Results results) {
        Map<List<String>, List<Point>> curves = new LinkedHashMap<>();
        for (Measurement measurement : results.of(Suite.GROWTH)) {
            Matcher matcher = SUBJECT.matcher(measurement.key().subject());
            if (measurement.isMeasured() && matcher.matches()) {
                List<String> name = List.of(matcher.group(1), measurement.key().contender());
                curves.computeIfAbsent(name, n -> new ArrayList<>())
                        .add(new Point(Double.parseDouble(matcher.group(2)), measurement));
            }
        }
        List<GrowthCurve> all = new ArrayList<>();
        curves.forEach(
                (name, points) -> {
                    points.sort((a, b) -> Double.compare(a.size, b.size));
                    all.add(new GrowthCurve(name.get(0), name.get(1), List.copyOf(points)));
                });
        return all;
    }

    double[] sizes() {
        return points.stream().mapToDouble(Point::size).toArray();
    }

    /** Returns seconds at each size. */
    double[] times() {
        return points.stream().mapToDouble(point -> point.measurement.time().value()).toArray();
    }

    /** Returns the points at which memory was measured. */
    GrowthCurve withMemory() {
        return new GrowthCurve(axis, contender, points.stream().filter(Point::hasMemory).toList());
    }

    /**
     * Returns bytes without the base at each size; memory must have been measured at all of them.
     */
    double[] memories() {
        return points.stream()
                .mapToDouble(point -> point.measurement.ownMemory().orElseThrow().value())
                .toArray();
    }

    /** Fits the time; empty if there are less than two sizes. */
    Optional<PowerLaw> timeFit() {
        return points.size() < 2 ? Optional.empty() : Optional.of(PowerLaw.fit(sizes(), times()));
    }

    /** Fits the memory; empty if it was measured at less than two sizes. */
    Optional<PowerLaw> memoryFit() {
        GrowthCurve known = withMemory();
        return known.points.size() < 2
                ? Optional.empty()
                : Optional.of(PowerLaw.fit(known.sizes(), known.memories()));
    }

    /** Returns the deviation of memory from its prediction that is largest in size. */
    Optional<Uncertain> worstMemoryDeviation() {
        ToDoubleFunction<Uncertain> size = deviation -> Math.abs(deviation.value());
        return points.stream()
                .flatMap(point -> point.measurement.memoryDeviation().stream())
                .max((a, b) -> Double.compare(size.applyAsDouble(a), size.applyAsDouble(b)));
    }
}

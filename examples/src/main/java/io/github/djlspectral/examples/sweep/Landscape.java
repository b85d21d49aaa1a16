package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.LocalDescent;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A training run with a measurement of a grid of steps at some of its own.
 *
 * @param arguments the run's options
 * @param steps the numbers of steps before the measurements
 * @param exponents c in {@code (M M^T)^(-c) M}, each tried with every learning rate
 * @param rates the learning rates
 */
record Landscape(
        TrainArguments arguments,
        SortedSet<Integer> steps,
        List<Double> exponents,
        List<Double> rates) {

    /** Checks everything that can be checked without data. */
    Landscape {
        BadInputException.unless(
                arguments.options().isSpectral(),
                "--optimizer is %s, but must be one with a momentum of hidden matrices, such as"
                        + " muon",
                arguments.values().get("--optimizer"));
        int last = arguments.options().steps() - 1;
        for (int step : steps) {
            String rule = "--at has %s, but must be in [0, %s], before --steps";
            BadInputException.unless(step >= 0 && step <= last, rule, step, last);
        }
    }

    /**
     * What one step would do.
     *
     * @param step the steps of training done before
     * @param loss the validation loss before the step
     * @param change the validation loss after it, minus that before
     * @param descent how the training loss bends along the step's direction; the same for all rates
     */
    record Point(
            int step,
            double exponent,
            double rate,
            double loss,
            double change,
            LocalDescent descent) {}

    /**
     * Measures what is left to measure; each step's points are kept as soon as they are known.
     *
     * @param out keeps a file for each step, and {@code landscape.csv} of all
     * @throws BadInputException if the directory has another landscape, or a damaged one
     */
    List<Point> measure(Corpus corpus, Path out, PrintStream messages) {
        Finished<Point[]> finished = new Finished<>(out.resolve("steps"), Point[].class);
        String grid = "\nexponents " + exponents + "\nlearning rates " + rates + "\n";
        String of = String.join("\n", arguments.toList()) + grid + corpus.description();
        SortedMap<Integer, Point[]> points = new TreeMap<>();
        finished.all(of).forEach(some -> points.put(some[0].step, some));
        SortedSet<Integer> left = new TreeSet<>(steps);
        left.removeAll(points.keySet());
        String plan = "%d steps to measure, %d points each";
        messages.println(Table.text(plan, left.size(), exponents.size() * rates.size()));
        if (!left.isEmpty()) {
            try (StepMeasurement measurement = new StepMeasurement(arguments.options(), corpus)) {
                for (int step = 0; step <= left.last(); step++) {
                    if (!left.contains(step)) {
                        measurement.run().step(() -> false);
                        continue;
                    }
                    Point[] found = measurement.stepAndMeasure(exponents, rates);
                    points.put(step, found);
                    finished.write("step-" + step, of, found);
                    messages.println(describe(best(List.of(found))));
                }
            }
        }
        List<Point> all = points.values().stream().flatMap(Arrays::stream).toList();
        Table.write(out.resolve("landscape.csv"), csv(all));
        return all;
    }

    private static String describe(Point best) {
        return Table.text(
                "step %d: loss %.4f, changed by %.4f at best, with c = %.2f and learning rate %.2g",
                best.step, best.loss, best.change, best.exponent, best.rate);
    }

    /** Returns the point where the loss falls most. */
    static Point best(List<Point> points) {
        return points.stream().min(Comparator.comparingDouble(Point::change)).orElseThrow();
    }

    private static List<String> csv(List<Point> points) {
        String header =
                "step,exponent,learning_rate,validation_loss_before,validation_loss_change,slope,"
                        + "batch_slope,curvature,alignment,potential,best_step";
        Table table = new Table(header.split(","));
        for (Point p : points) {
            LocalDescent d = p.descent;
            table.add(
                    p.step,
                    p.exponent,
                    p.rate,
                    p.loss,
                    p.change,
                    d.slope(),
                    d.batchSlope(),
                    d.curvature(),
                    d.alignment(),
                    d.potential(),
                    d.bestStep());
        }
        return table.csv();
    }
}

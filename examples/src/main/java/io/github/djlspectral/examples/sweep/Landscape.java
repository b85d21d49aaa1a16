package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.examples.gpt.TrainingRun;
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
import java.util.stream.IntStream;

/**
 * A training run with a measurement of a grid of steps at some of its own.
 *
 * @param arguments the run's options, as for {@code train}
 * @param steps the numbers of steps before the measurements
 * @param grid what to try there
 */
record Landscape(TrainArguments arguments, SortedSet<Integer> steps, Grid grid) {

    /** Checks everything that can be checked without data. */
    Landscape {
        BadInputException.unless(
                options(arguments).isSpectral(),
                "--optimizer is %s, but must be one with a momentum of hidden matrices, such as"
                        + " muon",
                arguments.values().get("--optimizer"));
        int last = options(arguments).steps() - 1;
        for (int step : steps) {
            String rule = "--at has %s, but must be in [0, %s], before --steps";
            BadInputException.unless(step >= 0 && step <= last, rule, step, last);
        }
    }

    /**
     * The steps to try from the same weights, every exponent at every learning rate.
     *
     * @param exponents c in {@code (M M^T)^(-c) M}, increasing
     * @param rates the learning rates, increasing
     */
    record Grid(List<Double> exponents, List<Double> rates) {

        /** Returns c = 0, 1/12, .. 1 and four learning rates per decade from 0.001 to 3. */
        static Grid standard() {
            return new Grid(
                    IntStream.rangeClosed(0, 12).mapToObj(i -> i / 12.0).toList(),
                    IntStream.rangeClosed(-12, 2).mapToObj(i -> Math.pow(10, i / 4.0)).toList());
        }

        /** Freon's default above c = 1/2, where tiny singular values would dominate. */
        static double floor(double exponent) {
            return exponent > 0.5 ? 0.01 : 0;
        }

        int size() {
            return exponents.size() * rates.size();
        }
    }

    /**
     * What one step would do.
     *
     * @param step the steps of training done before
     * @param exponent c in {@code (M M^T)^(-c) M}
     * @param rate the learning rate
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

    private static TrainingOptions options(TrainArguments arguments) {
        return TrainingOptions.of(arguments.toList().toArray(String[]::new));
    }

    /**
     * Measures what is left to measure; each step's points are kept as soon as they are known.
     *
     * @param out keeps a file for each step, and {@code landscape.csv} of all
     * @throws BadInputException if the directory has another landscape, or a damaged one
     */
    List<Point> measure(Corpus corpus, Path out, PrintStream messages) {
        Finished<Point[]> finished = new Finished<>(out.resolve("steps"), Point[].class);
        String of = settings(corpus);
        SortedMap<Integer, Point[]> points = new TreeMap<>();
        finished.all(of).forEach(some -> points.put(some[0].step(), some));
        SortedSet<Integer> left = new TreeSet<>(steps);
        left.removeAll(points.keySet());
        String plan = "%d steps to measure, %d points each";
        messages.println(Table.text(plan, left.size(), grid.size()));
        if (!left.isEmpty()) {
            try (StepMeasurement.Probe probe = new StepMeasurement.Probe();
                    TrainingRun run = TrainingRun.observed(options(arguments), corpus, probe)) {
                StepMeasurement measurement = new StepMeasurement(run, probe, grid);
                while (run.step() <= left.last()) {
                    if (left.contains(run.step())) {
                        Point[] found = measurement.stepAndMeasure().toArray(Point[]::new);
                        points.put(found[0].step(), found);
                        finished.write("step-" + found[0].step(), of, found);
                        messages.println(describe(List.of(found)));
                    } else {
                        run.step(() -> false);
                    }
                }
            }
        }
        List<Point> all = points.values().stream().flatMap(Arrays::stream).toList();
        Table.write(out.resolve("landscape.csv"), csv(all));
        return all;
    }

    private static String describe(List<Point> points) {
        Point best = best(points);
        return Table.text(
                "step %d: loss %.4f, changed by %.4f at best, with c = %.2f and learning rate %.2g",
                best.step, best.loss, best.change, best.exponent, best.rate);
    }

    /** Returns the point where the loss falls most. */
    static Point best(List<Point> points) {
        return points.stream().min(Comparator.comparingDouble(Point::change)).orElseThrow();
    }

    private String settings(Corpus corpus) {
        return String.join("\n", arguments.toList())
                + "\nexponents "
                + grid.exponents()
                + "\nlearning rates "
                + grid.rates()
                + "\n"
                + corpus.description();
    }

    private static List<String> csv(List<Point> points) {
        Table table =
                new Table(
                        "step",
                        "exponent",
                        "learning_rate",
                        "validation_loss_before",
                        "validation_loss_change",
                        "slope",
                        "batch_slope",
                        "curvature",
                        "alignment",
                        "potential",
                        "best_step");
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

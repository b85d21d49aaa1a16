package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.train.TrainingOptions;
import io.github.djlspectral.examples.train.TrainingRun;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * A training run with a measurement of the {@linkplain LandscapeGrid grid} at some of its steps.
 *
 * @param arguments the run's options, as for {@code train}
 * @param steps the numbers of steps before the measurements
 * @param grid what to try there
 */
record Landscape(TrainArguments arguments, SortedSet<Integer> steps, LandscapeGrid grid) {

    /** Checks everything that can be checked without data. */
    Landscape {
        if (!options(arguments).isSpectral()) {
            throw new BadInputException(
                    "--optimizer is "
                            + arguments.values().get("--optimizer")
                            + ", but must be one with a momentum of hidden matrices, such as muon");
        }
        int last = options(arguments).steps() - 1;
        for (int step : steps) {
            if (step < 0 || step > last) {
                throw new BadInputException(
                        "--at has " + step + ", but must be in [0, " + last + "], before --steps");
            }
        }
    }

    private static TrainingOptions options(TrainArguments arguments) {
        return TrainingOptions.of(arguments.toList().toArray(String[]::new));
    }

    /**
     * Measures what is left to measure; every step's points are written as soon as they are known.
     *
     * @param files keep the points
     * @param messages receives the progress
     * @return all points
     * @throws BadInputException if the files are of another landscape
     */
    List<LandscapePoint> measure(Corpus corpus, LandscapeFiles files, PrintStream messages) {
        List<LandscapePoint> points = new ArrayList<>(files.open(settings(corpus)));
        SortedSet<Integer> left = new TreeSet<>(steps);
        points.forEach(point -> left.remove(point.step()));
        messages.printf(
                Locale.ROOT, "%d steps to measure, %d points each%n", left.size(), grid.size());
        if (left.isEmpty()) {
            return points;
        }
        try (MomentumProbe probe = new MomentumProbe();
                TrainingRun run = TrainingRun.observed(options(arguments), corpus, probe)) {
            StepMeasurement measurement = new StepMeasurement(run, probe, grid);
            while (run.step() <= left.last()) {
                if (left.contains(run.step())) {
                    List<LandscapePoint> found = measurement.stepAndMeasure();
                    points.addAll(found);
                    points.sort(Comparator.comparingInt(LandscapePoint::step));
                    files.write(points);
                    messages.println(describe(found));
                } else {
                    run.step(() -> false);
                }
            }
        }
        return points;
    }

    private static String describe(List<LandscapePoint> points) {
        LandscapePoint best = LandscapeReport.best(points);
        return String.format(
                Locale.ROOT,
                "step %d: loss %.4f, changed by %.4f at best, with c = %.2f and learning rate %.2g",
                best.step(),
                best.loss(),
                best.change(),
                best.exponent(),
                best.rate());
    }

    private List<String> settings(Corpus corpus) {
        List<String> settings = new ArrayList<>(arguments.toList());
        settings.add("exponents " + grid.exponents());
        settings.add("learning rates " + grid.rates());
        settings.add(corpus.description());
        return settings;
    }
}

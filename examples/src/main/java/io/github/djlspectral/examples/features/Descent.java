package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.descent.RandomFeatureModel;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * The way of one optimizer on one problem: each step goes along the direction it makes of a
 * mini-batch's gradient, as far as the full loss falls.
 *
 * @param points the start, then one after each step
 */
record Descent(List<Point> points) {

    /** Where the loss is nothing but rounding, as a share of the first. */
    private static final double CONVERGED = 1e-24;

    Descent {
        points = List.copyOf(points);
    }

    /**
     * What is known after a step.
     *
     * @param step the number of steps done
     * @param loss the full loss
     * @param stepSize t of the step W - t D: the best one; NaN at the start, as all that follows
     * @param length |D|_F
     * @param alignment see {@link LocalDescent#alignment}
     * @param potential see {@link LocalDescent#potential}
     */
    record Point(
            int step,
            double loss,
            double stepSize,
            double length,
            double alignment,
            double potential) {

        /** The batch's slope along D, {@code <G, D>}: alignment times potential is t times it. */
        double slope() {
            return alignment * potential / stepSize;
        }
    }

    /**
     * An optimizer as it is without momentum: a map from the batch's gradient to a direction.
     *
     * @param name for people
     * @param map the map; null: the gradient itself
     */
    record Descender(String name, SpectralMap map) {

        /** Returns those that the experiment compares. */
        static List<Descender> all() {
            return List.of(
                    new Descender("GD", null),
                    new Descender("TruncatedSGD", SpectralMap.truncated(0.05)),
                    new Descender("Freon 1/4", SpectralMap.power(1.0 / 4)),
                    new Descender("Muon", SpectralMap.polar()),
                    new Descender("Freon 2/3", SpectralMap.power(2.0 / 3)),
                    new Descender("Freon 3/4", SpectralMap.power(3.0 / 4)),
                    new Descender("Kaon", SpectralMap.chaotic(5)));
        }

        /** Returns the name for files. */
        String fileName() {
            return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
        }

        /** Returns a direction that belongs to the gradient's manager, or the gradient. */
        NDArray direction(NDArray gradient) {
            return map == null ? gradient : map.apply(gradient);
        }
    }

    /**
     * Descends. The true weights and the batches depend on the seed alone, so optimizers share
     * them. Ends early where the loss is nothing but rounding, or the direction zero.
     */
    static Descent run(FeatureProblem problem, Descender descender, long seed, NDManager parent) {
        SplittableRandom seeds = new SplittableRandom(seed);
        List<Point> points = new ArrayList<>();
        try (NDManager manager = parent.newSubManager()) {
            RandomFeatureModel model = problem.model(manager, seeds.nextLong());
            NDArray weights =
                    manager.zeros(new Shape(problem.rows(), problem.columns()), DataType.FLOAT64);
            double first = model.loss(weights);
            points.add(new Point(0, first, Double.NaN, Double.NaN, Double.NaN, Double.NaN));
            double loss = first;
            for (int step = 1; step <= problem.steps() && loss > CONVERGED * first; step++) {
                long batchSeed = seeds.nextLong();
                try (NDManager scratch = manager.newSubManager()) {
                    NDArray here = weights.duplicate();
                    here.attach(scratch);
                    NDArray gradient = gradient(problem, model, here, batchSeed);
                    NDArray direction = descender.direction(gradient);
                    LocalDescent descent = model.descent(here, gradient, direction);
                    if (!(descent.curvature() > 0)) { // the direction is zero
                        break;
                    }
                    weights.subi(direction.mul(descent.bestStep()));
                    loss = model.loss(weights);
                    points.add(point(step, loss, direction, descent));
                }
            }
        }
        return new Descent(points);
    }

    private static NDArray gradient(
            FeatureProblem problem, RandomFeatureModel model, NDArray weights, long seed) {
        return problem.batch() == 0
                ? model.gradient(weights)
                : model.gradient(
                        weights, model.sample(weights.getManager(), problem.batch(), seed));
    }

    private static Point point(int step, double loss, NDArray direction, LocalDescent descent) {
        return new Point(
                step,
                loss,
                descent.bestStep(),
                Host.read(direction.norm(), NDArray::getDouble),
                descent.alignment(),
                descent.potential());
    }

    /** Returns what is left of the first loss. */
    double remainingLoss() {
        return points.get(points.size() - 1).loss() / points.get(0).loss();
    }

    /** Returns the best step sizes, by step. */
    double[] stepSizes() {
        return points.stream().skip(1).mapToDouble(Point::stepSize).toArray();
    }

    /**
     * Returns the best step sizes for directions of the length of steepest descent, which scales
     * with the gradient: {@code D <G, D> / |D|^2}, G the batch's gradient. That is G itself for
     * gradient descent, and G's nuclear norm by its rank times the polar factor for Muon.
     */
    double[] steepestStepSizes() {
        return points.stream()
                .skip(1)
                .mapToDouble(p -> p.stepSize() * p.length() * p.length() / p.slope())
                .toArray();
    }
}

package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.LocalDescent;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
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

    private static final LocalDescent NONE = new LocalDescent(Double.NaN, Double.NaN, Double.NaN);

    /** The full loss after a step, the norm |D|_F of its direction, and how well that suited. */
    record Point(double loss, double length, LocalDescent descent) {
        Point {
            Objects.requireNonNull(descent); // results of earlier versions have none
        }
    }

    /** An optimizer without momentum: a map from the batch's gradient to a direction, or null. */
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

        String fileName() {
            return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
        }
    }

    /**
     * What to descend on: a model whose features' variances fall as a power of their number, from 1
     * to 1 / condition. The true weights are Gaussian, the first ones zero.
     *
     * @param rows outputs
     * @param columns features
     * @param batch samples of a gradient; 0: the full gradient
     * @param condition ratio of the largest to the smallest variance
     * @param steps updates to make, at least 3: what a curve's roughness takes
     */
    record Problem(int rows, int columns, int batch, double condition, int steps) {

        private static final int LARGEST = 1 << 15; // so that no product overflows

        Problem {
            require("--rows", rows, 2);
            require("--columns", columns, 2);
            require("--batch", batch, 0);
            boolean legal = condition >= 1 && Double.isFinite(condition);
            String rule = "--condition is %s, but must be a number of at least 1";
            BadInputException.unless(legal, rule, condition);
            BadInputException.unless(steps >= 3, "--steps is %s, but must be at least 3", steps);
        }

        private static void require(String option, int value, int least) {
            String rule = "%s is %s, but must be in [%s, %s]";
            boolean legal = value >= least && value <= LARGEST;
            BadInputException.unless(legal, rule, option, value, least, LARGEST);
        }

        /** Returns the model with true weights drawn from a seed. */
        Model model(NDManager manager, long seed) {
            double power = Math.log(condition) / Math.log(columns);
            double[] variances = new double[columns];
            Arrays.setAll(variances, i -> Math.pow(i + 1, -power));
            return new Model(gaussian(manager, seed, rows, columns), variances);
        }

        /** Says what makes the problem easy or hard. */
        String description() {
            String number = String.valueOf(condition).replaceAll("\\.0$", "");
            return "condition " + number + (batch == 0 ? ", full gradient" : ", batch " + batch);
        }

        /** Returns the options that describe the problem. */
        @Override
        public String toString() {
            String size = "--rows " + rows + " --columns " + columns + " --batch " + batch;
            return size + " --condition " + condition + " --steps " + steps;
        }
    }

    /**
     * Linear regression on random features, {@code f(W) = 1/2 E |(W - W*) x|^2} with {@code x ~
     * N(0, S)}: a loss whose gradient, Hessian and best step are closed forms, in float64. S is
     * diagonal, which loses nothing for an optimizer that commutes with rotations of the features,
     * as gradient descent and every spectral map do. Arrays attach to the manager of the weights.
     */
    static final class Model {

        private final NDArray target;
        private final NDArray variances;
        private final NDArray deviations;

        /** Creates the model of weights W*, m x n, and the diagonal of S. */
        Model(NDArray target, double... variances) {
            this.target = target;
            this.variances = target.getManager().create(variances);
            double[] roots = Arrays.stream(variances).map(Math::sqrt).toArray();
            deviations = target.getManager().create(roots);
        }

        double loss(NDArray weights) {
            NDArray error = weights.sub(target);
            return 0.5 * sum(error.mul(error).mul(variances));
        }

        /** Returns (W - W*) S. */
        NDArray gradient(NDArray weights) {
            return weights.sub(target).mul(variances);
        }

        /** Returns the gradient of a batch's mean loss, (W - W*) X^T X / B, a sample X a row. */
        NDArray gradient(NDArray weights, NDArray x) {
            return weights.sub(target).matMul(x.transpose()).matMul(x).div(x.size(0));
        }

        /** Draws vectors from N(0, S), B x n; the same seed gives the same bits. */
        NDArray sample(NDManager manager, int batch, long seed) {
            return gaussian(manager, seed, batch, variances.size()).mul(deviations);
        }

        /** Measures a direction D, made from the gradient G~; the second-order model is exact. */
        LocalDescent descent(NDArray weights, NDArray batchGradient, NDArray direction) {
            return new LocalDescent(
                    sum(gradient(weights).mul(direction)),
                    sum(batchGradient.mul(direction)),
                    sum(direction.mul(direction.mul(variances)))); // H D = D S
        }
    }

    static NDArray gaussian(NDManager manager, long seed, long rows, long columns) {
        Random random = new Random(seed);
        double[] values = new double[Math.toIntExact(rows * columns)];
        Arrays.setAll(values, i -> random.nextGaussian());
        return manager.create(values, new Shape(rows, columns));
    }

    private static double sum(NDArray array) {
        return Host.read(array.sum(), NDArray::getDouble);
    }

    /**
     * Descends. The true weights and the batches depend on the seed alone, so optimizers share
     * them. Ends early where the loss is nothing but rounding, or the direction zero.
     */
    static Descent run(Problem problem, Descender descender, long seed, NDManager parent) {
        SplittableRandom seeds = new SplittableRandom(seed);
        List<Point> points = new ArrayList<>();
        try (NDManager manager = parent.newSubManager()) {
            Model model = problem.model(manager, seeds.nextLong());
            NDArray weights = model.target.zerosLike();
            double loss = model.loss(weights);
            double converged = CONVERGED * loss;
            points.add(new Point(loss, Double.NaN, NONE));
            for (int step = 1; step <= problem.steps() && loss > converged; step++) {
                long batch = seeds.nextLong();
                try (NDManager scratch = manager.newSubManager()) {
                    weights.attach(scratch); // and so all that is made of them
                    NDArray x =
                            problem.batch == 0 ? null : model.sample(scratch, problem.batch, batch);
                    NDArray gradient =
                            x == null ? model.gradient(weights) : model.gradient(weights, x);
                    NDArray direction =
                            descender.map == null ? gradient : descender.map.apply(gradient);
                    LocalDescent descent = model.descent(weights, gradient, direction);
                    if (!(descent.curvature() > 0)) { // the direction is zero
                        break;
                    }
                    weights = weights.sub(direction.mul(descent.bestStep()));
                    loss = model.loss(weights);
                    double length = Host.read(direction.norm(), NDArray::getDouble);
                    points.add(new Point(loss, length, descent));
                    weights.attach(manager);
                }
            }
        }
        return new Descent(points);
    }

    /** Returns what is left of the first loss. */
    double remainingLoss() {
        return points.get(points.size() - 1).loss / points.get(0).loss;
    }

    /** Returns the best step sizes, by step. */
    double[] stepSizes() {
        return points.stream().skip(1).mapToDouble(p -> p.descent.bestStep()).toArray();
    }

    /**
     * Returns the best step sizes for directions of the length of steepest descent, which scales
     * with the gradient: {@code D <G, D> / |D|^2}, G the batch's gradient. That is G itself for
     * gradient descent, and G's nuclear norm by its rank times the polar factor for Muon.
     */
    double[] steepestStepSizes() {
        return points.stream()
                .skip(1)
                .mapToDouble(
                        p -> p.descent.bestStep() * p.length * p.length / p.descent.batchSlope())
                .toArray();
    }
}

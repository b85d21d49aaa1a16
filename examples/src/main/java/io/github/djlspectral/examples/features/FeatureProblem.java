package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.descent.RandomFeatureModel;
import io.github.djlspectral.text.BadInputException;
import java.util.Random;

/**
 * What to descend on: linear regression of {@code rows} outputs on {@code columns} random features
 * whose variances fall as a power of their number, from 1 to 1 / condition. The true weights are
 * Gaussian, the first ones zero.
 *
 * @param rows outputs, at least 2
 * @param columns features, at least 2
 * @param batch samples of a gradient, at least 0; 0: the full gradient
 * @param condition ratio of the largest to the smallest variance, at least 1
 * @param steps updates to make, at least 3: what a curve's roughness takes
 */
record FeatureProblem(int rows, int columns, int batch, double condition, int steps) {

    private static final int LARGEST = 1 << 15; // so that no product overflows

    FeatureProblem {
        require("--rows", rows, 2);
        require("--columns", columns, 2);
        require("--batch", batch, 0);
        BadInputException.unless(
                condition >= 1 && Double.isFinite(condition),
                "--condition is %s, but must be a number of at least 1",
                condition);
        String rule = "--steps is %s, but must be at least 3";
        BadInputException.unless(steps >= 3, rule, steps);
    }

    private static void require(String option, int value, int least) {
        String rule = "%s is %s, but must be in [%s, %s]";
        boolean legal = value >= least && value <= LARGEST;
        BadInputException.unless(legal, rule, option, value, least, LARGEST);
    }

    /** Returns the model with true weights drawn from a seed. */
    RandomFeatureModel model(NDManager manager, long seed) {
        Random random = new Random(seed);
        double[] values = new double[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        NDArray target = manager.create(values, new Shape(rows, columns));
        return new RandomFeatureModel(target, variances());
    }

    private double[] variances() {
        double power = Math.log(condition) / Math.log(columns);
        double[] variances = new double[columns];
        for (int i = 0; i < columns; i++) {
            variances[i] = Math.pow(i + 1, -power);
        }
        return variances;
    }

    /** Says what makes the problem easy or hard. */
    String description() {
        String gradient = batch == 0 ? "full gradient" : "batch " + batch;
        return "condition " + String.valueOf(condition).replaceAll("\\.0$", "") + ", " + gradient;
    }

    /** Returns the options that describe the problem. */
    @Override
    public String toString() {
        return String.join(
                " ",
                "--rows " + rows,
                "--columns " + columns,
                "--batch " + batch,
                "--condition " + condition,
                "--steps " + steps);
    }
}

package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;

/**
 * Whether a network is still the same function beside a point: what an orthogonal Jacobian does not
 * tell and training needs. A network that folds much keeps the length of every gradient, but brings
 * distant points together, and its Jacobians at nearby points have nothing in common. Balduzzi et
 * al., "The shattered gradients problem", ICML 2017.
 *
 * <p>Blocks are run in evaluation mode and not changed.
 */
public final class Shattering {

    private Shattering() {}

    /**
     * {@return the cosines over the batch, between the Jacobians at each point x and at {@code x +
     * eps |x| v}, v a random unit vector, as vectors of all their entries: 1 inside one affine
     * piece, 0 for unrelated ones} They are estimated from products with random vectors, for square
     * Jacobians with a standard deviation of about sqrt(2 / (probes n)) at each point; with as many
     * probes as there are outputs, they are exact. They are NaN where a Jacobian is zero. Cost: two
     * forward passes, and two backward passes for each probe.
     *
     * @param block an initialised block [B, ..] to [B, ..] that treats rows independently
     * @param manager the manager whose device is used
     * @param inputs the points [B, ..]
     * @param perturbation eps, positive and finite
     * @param probes the number of products, at least 1
     * @param seed of v and the probes
     */
    public static Spread jacobianCosine(
            Block block,
            NDManager manager,
            NDArray inputs,
            double perturbation,
            int probes,
            long seed) {
        check(perturbation, probes);
        SeededNormals normals = new SeededNormals(seed);
        try (NDManager scratch = manager.newSubManager()) {
            NDArray moved = moved(scratch, inputs, perturbation, normals);
            try (Linearization here = Linearization.of(block, scratch, inputs, false);
                    Linearization there = Linearization.of(block, scratch, moved, false)) {
                return Spread.of(cosines(here, there, probes, normals));
            }
        }
    }

    static void check(double perturbation, int probes) {
        requirePositive("The perturbation", perturbation);
        requireAtLeast(1, "probes", probes);
    }

    private static NDArray moved(
            NDManager scratch, NDArray inputs, double perturbation, SeededNormals normals) {
        long batch = inputs.getShape().get(0);
        NDArray x = inputs.duplicate();
        x.attach(scratch);
        NDArray rows = x.reshape(batch, -1);
        NDArray v = normals.next(scratch, rows.getShape(), x);
        NDArray scale = rows.norm(new int[] {1}, true).div(v.norm(new int[] {1}, true));
        return rows.add(v.mul(scale).mul(perturbation)).reshape(x.getShape());
    }

    private static double[] cosines(
            Linearization here, Linearization there, int probes, SeededNormals normals) {
        Shape shape = here.outputs.getShape();
        int batch = Math.toIntExact(shape.get(0));
        long outputs = shape.size() / batch;
        boolean exact = probes >= outputs;
        double[] sums = new double[3 * batch];
        for (int i = 0; i < (exact ? outputs : probes); i++) {
            try (NDManager scratch = here.scratch.newSubManager()) {
                NDArray u =
                        exact
                                ? unit(scratch, shape, i, here.outputs)
                                : normals.next(scratch, shape, here.outputs);
                NDArray products = products(scratch, here.vjp(u), there.vjp(u));
                double[] found = Host.read(products, NDArray::toDoubleArray);
                Arrays.setAll(sums, k -> sums[k] + found[k]);
            }
        }
        double[] cosines = new double[batch];
        for (int b = 0; b < batch; b++) {
            cosines[b] = sums[b] / Math.sqrt(sums[batch + b] * sums[2 * batch + b]);
        }
        return cosines;
    }

    private static NDArray products(NDManager scratch, NDArray a, NDArray b) {
        try (a;
                b) {
            return Linearization.call(scratch, "products", a, b);
        }
    }

    /** The unit vector of one output, for every row. */
    private static NDArray unit(NDManager scratch, Shape shape, int index, NDArray like) {
        int outputs = Math.toIntExact(shape.size() / shape.get(0));
        NDArray unit = scratch.create(new int[] {index}).oneHot(outputs, like.getDataType());
        return unit.broadcast(shape.get(0), outputs).reshape(shape);
    }

    /**
     * {@return {@code |F(x) - F(y)| / |x - y|} over all pairs of the batch: a network that brings
     * points together loses what tells them apart} Cost: a forward pass.
     *
     * @param block an initialised block [B, ..] to [B, ..]
     * @param manager the manager whose device is used
     * @param inputs two points or more, [B, ..], no two the same
     */
    public static Spread distanceRatio(Block block, NDManager manager, NDArray inputs) {
        Shape shape = inputs.getShape();
        boolean legal = shape.dimension() >= 2 && shape.get(0) >= 2;
        require(legal, "Distances need two points or more, [B, ..], got %s", shape);
        try (NDManager scratch = manager.newSubManager();
                Linearization linear = Linearization.of(block, scratch, inputs, false)) {
            return Spread.of(
                    Linearization.call(scratch, "distance_ratios", linear.outputs, linear.inputs));
        }
    }
}

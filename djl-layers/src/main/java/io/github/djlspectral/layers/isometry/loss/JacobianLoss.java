package io.github.djlspectral.layers.isometry.loss;

import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.layers.isometry.diagnostics.Linearization;
import io.github.djlspectral.layers.isometry.diagnostics.SeededNormals;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import io.github.djlspectral.torch.GraphConstants;
import io.github.djlspectral.torch.TorchScript;

/**
 * A penalty on the Jacobian J of a network where it is not isometric, at the points of a batch, by
 * one random direction for each point and evaluation. It is added to the task's loss:
 *
 * <pre>{@code
 * JacobianLoss penalty = JacobianLoss.backward(network, 0.1f, 1);
 * try (GradientCollector collector = trainer.newGradientCollector()) {
 *     NDList predictions = trainer.forward(inputs);
 *     NDArray loss = task.evaluate(labels, predictions);
 *     collector.backward(loss.add(penalty.evaluate(inputs, predictions)));
 * }
 * }</pre>
 *
 * <p>As a DJL loss it takes the network's <em>inputs</em> in place of labels, and runs the network
 * on them once more, as in training: labels and predictions do not tell what they were made from.
 * Directions come from a seed, a new one at each evaluation.
 */
public final class JacobianLoss extends Loss {

    // native functions, by what they measure
    private static final String BACKWARD = "backward_penalty";
    private static final String GRAM = "gram_penalty";
    private static final String DIFFERENCE = "difference_penalty";
    private static final TorchScript KERNELS =
            TorchScript.of(
                    "losses.py",
                    TorchScript.source(Linearization.class, "jacobian.py")
                            + TorchScript.source(JacobianLoss.class, "losses.py"));

    /**
     * What {@link #estimate} found.
     *
     * @param mean the mean over the batch and the draws, without the factor lambda
     * @param standardError the standard error of the mean over draws
     */
    public record Estimate(double mean, double standardError) {}

    private final String quantity;
    private final Block block;
    private final double distance;
    private final float lambda;
    private final SeededNormals normals;

    private JacobianLoss(String quantity, Block block, double distance, float lambda, long seed) {
        super("JacobianLoss");
        OrthogonalityLoss.requireFactor(lambda);
        this.quantity = quantity;
        this.block = block;
        this.distance = distance;
        this.lambda = lambda;
        normals = new SeededNormals(seed);
    }

    /**
     * {@return {@code lambda E (|J^T u| / |u| - 1)^2}, u standard normal: zero where all singular
     * values are 1, for fewer outputs than inputs too} Cost: a forward pass, a backward pass, and a
     * backward pass through both.
     *
     * @param block the network [B, ..] to [B, ..], which treats rows independently; twice
     *     differentiable to autograd
     * @param lambda the factor, finite and not negative
     * @param seed of the directions
     */
    public static JacobianLoss backward(Block block, float lambda, long seed) {
        return new JacobianLoss(BACKWARD, block, 0, lambda, seed);
    }

    /**
     * {@return {@code lambda E |J^T J v - v|^2}, v standard normal, an unbiased estimate of {@code
     * lambda |J^T J - I|_F^2}, which is at least n - p for n inputs and fewer outputs p} Its
     * standard deviation is about half its value for one point. Cost: as {@link #backward} and two
     * backward passes more, each with a graph.
     *
     * @param block as for {@link #backward}
     * @param lambda the factor, finite and not negative
     * @param seed of the directions
     */
    public static JacobianLoss gram(Block block, float lambda, long seed) {
        return new JacobianLoss(GRAM, block, 0, lambda, seed);
    }

    /**
     * {@return {@code lambda E (|F(x + s) - F(x)| / |s| - 1)^2}, s of fixed length in a uniformly
     * random direction: without derivatives of second order} Where no kink lies between, it is
     * exactly {@code (|J s| / |s| - 1)^2}. Cost: a forward pass over twice the batch and its
     * backward pass. The ratio is wrong by the rounding error of F by |s|.
     *
     * @param block as for {@link #backward}, differentiable once
     * @param distance |s|, positive and finite, in the units of the inputs
     * @param lambda the factor, finite and not negative
     * @param seed of the directions
     */
    public static JacobianLoss finiteDifference(
            Block block, double distance, float lambda, long seed) {
        requirePositive("The distance", distance);
        return new JacobianLoss(DIFFERENCE, block, distance, lambda, seed);
    }

    /**
     * Evaluates the penalty.
     *
     * @param labels the network's inputs, one array
     * @param predictions not used
     * @return as {@link #evaluate(NDArray)}
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        return evaluate(labels.singletonOrThrow());
    }

    /**
     * Evaluates the penalty with new directions.
     *
     * @param inputs the network's inputs [B, ..]; their manager takes the result
     * @return lambda times the mean over the batch, a scalar with a graph to the parameters
     */
    public NDArray evaluate(NDArray inputs) {
        NDManager manager = inputs.getManager();
        try (NDManager scratch = manager.newSubManager()) {
            NDArray penalties = penalties(scratch, inputs, normals, true);
            NDArray factor = GraphConstants.of(scratch, inputs.getDataType(), lambda);
            return graph(manager, "mean_times", penalties, factor);
        }
    }

    /**
     * Estimates the quantity without lambda, free of bias, from several draws of its own, in
     * evaluation mode: it leaves the directions of training, and the network, as they are.
     *
     * @param inputs the points [B, ..]
     * @param draws the number of directions for each point, at least 2
     * @param seed of the directions
     * @return the mean and its error
     */
    public Estimate estimate(NDArray inputs, int draws, long seed) {
        requireAtLeast(2, "draws", draws);
        SeededNormals own = new SeededNormals(seed);
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < draws; i++) {
            try (NDManager scratch = inputs.getManager().newSubManager()) {
                double value = Spread.of(penalties(scratch, inputs, own, false)).mean();
                sum += value;
                squares += value * value;
            }
        }
        double mean = sum / draws;
        double variance = Math.max(0, squares / draws - mean * mean);
        return new Estimate(mean, Math.sqrt(variance / (draws - 1)));
    }

    /** The one result of a native function, with a graph. */
    static NDArray graph(NDManager manager, String function, Object... arguments) {
        return KERNELS.callWithGradient(manager, function, arguments).singletonOrThrow();
    }

    /** One number for each point. */
    private NDArray penalties(
            NDManager scratch, NDArray inputs, SeededNormals directions, boolean training) {
        if (quantity.equals(DIFFERENCE)) {
            return differences(scratch, inputs, directions, training);
        }
        Linearization linear = Linearization.of(block, scratch, inputs, training);
        NDArray like = quantity.equals(BACKWARD) ? linear.outputs() : linear.inputs();
        NDArray direction = directions.next(scratch, like.getShape(), inputs);
        return graph(scratch, quantity, linear.outputs(), linear.inputs(), direction);
    }

    private NDArray differences(
            NDManager scratch, NDArray inputs, SeededNormals directions, boolean training) {
        NDArray x = inputs.duplicate();
        x.attach(scratch);
        NDArray normal = directions.next(scratch, x.getShape(), x);
        long batch = x.getShape().get(0);
        NDArray lengths = normal.reshape(batch, -1).norm(new int[] {1}, true);
        NDArray step = normal.reshape(batch, -1).div(lengths).mul(distance).reshape(x.getShape());
        NDArray moved = x.add(step);
        // what rounding has made of the step
        NDArray taken = moved.sub(x).reshape(batch, -1).norm(new int[] {1});
        ParameterStore store = new ParameterStore(scratch, false);
        return TorchScript.withAutograd(
                true,
                () -> {
                    NDList both = new NDList(x.concat(moved, 0));
                    NDArray y = block.forward(store, both, training).singletonOrThrow();
                    return graph(scratch, DIFFERENCE, y, taken);
                });
    }
}

package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;
import java.util.List;

/**
 * Energy and dissipation along the depth of a stack of flow steps, or along any trajectory, whose
 * weights change from step to step. All arrays have an entry for the beginning and one after each
 * of the L steps; what belongs to weights takes those of the step that follows, at the end those of
 * the last.
 *
 * <p>{@code energy_k - energy_0 = weightWork_k - dissipated_k} up to the step size.
 *
 * @param energy {@code sum_h sum_ij exp(<x_i, D_h x_j>) / (2 H n^2)}
 * @param slope the squared metric slope of arXiv:2605.18870; the dissipation for one head only
 * @param dissipation what the tokens' motion takes from the energy per unit of time
 * @param weightWork what the changes of the weights have added to the energy up to here
 * @param dissipated the sum of the dissipation times the step size up to here
 * @param mobilities of each head, the mean over tokens of {@code n / sum_j exp(<x_i, D_h x_j>)}
 */
public record FlowPath(
        double[] energy,
        double[] slope,
        double[] dissipation,
        double[] weightWork,
        double[] dissipated,
        double[][] mobilities) {

    /**
     * {@return the measures of a path, computed in float64} Cost: two kernel evaluations per step,
     * each heads n^2 d.
     *
     * @param tokens L + 1 arrays [n, d] of unit vectors
     * @param weights L arrays [H, d, d], symmetric: those of each step
     * @param stepSize the time per step
     * @throws IllegalArgumentException if the numbers or shapes do not match, a token is not of
     *     length 1, weights are not symmetric, or the step size is not positive and finite
     */
    public static FlowPath of(List<NDArray> tokens, List<NDArray> weights, double stepSize) {
        int steps = weights.size();
        boolean legal = steps >= 1 && tokens.size() == steps + 1;
        String rule =
                "A path has 1 or more arrays of weights and one more of tokens, got %s and %s";
        require(legal, rule, steps, tokens.size());
        requirePositive("The step size", stepSize);
        Shape shape = tokens.get(0).getShape();
        for (NDArray state : tokens) {
            FlowKernels.requireTokens(state);
            boolean same = state.getShape().equals(shape);
            require(same, "Tokens must have one shape, got %s and %s", shape, state.getShape());
        }
        weights.forEach(matrix -> FlowKernels.requireWeights(matrix, shape.get(1)));
        return measured(tokens, weights, stepSize);
    }

    private static FlowPath measured(List<NDArray> tokens, List<NDArray> weights, double stepSize) {
        int last = weights.size();
        double[][] here = new double[last + 1][];
        double[][] mobilities = new double[last + 1][];
        double[] work = new double[last + 1];
        double[] dissipated = new double[last + 1];
        for (int k = 0; k <= last; k++) {
            NDArray d = weights.get(Math.min(k, last - 1));
            here[k] = call("measure", tokens.get(k), d);
            mobilities[k] = call("mobilities", tokens.get(k), d);
            if (k > 0) {
                double before = call("measure", tokens.get(k), weights.get(k - 1))[0];
                work[k] = work[k - 1] + here[k][0] - before;
                dissipated[k] = dissipated[k - 1] + stepSize * here[k - 1][2];
            }
        }
        return new FlowPath(
                column(here, 0), column(here, 1), column(here, 2), work, dissipated, mobilities);
    }

    private static double[] call(String function, NDArray tokens, NDArray weights) {
        try (NDManager scratch = tokens.getManager().newSubManager()) {
            NDList arguments = new NDList();
            for (NDArray array : new NDArray[] {tokens, weights}) {
                NDArray exact = array.toType(DataType.FLOAT64, true);
                exact.attach(scratch);
                arguments.add(exact.expandDims(0));
            }
            NDList found =
                    FlowKernels.NATIVE.call(scratch, function, arguments.get(0), arguments.get(1));
            return Host.read(found.singletonOrThrow(), NDArray::toDoubleArray);
        }
    }

    private static double[] column(double[][] rows, int index) {
        return Arrays.stream(rows).mapToDouble(row -> row[index]).toArray();
    }

    /** {@return {@code energy_k - energy_0 - (weightWork_k - dissipated_k)}, O(step size)} */
    public double[] residual() {
        double[] residual = new double[energy.length];
        for (int k = 0; k < residual.length; k++) {
            residual[k] = energy[k] - energy[0] - weightWork[k] + dissipated[k];
        }
        return residual;
    }
}

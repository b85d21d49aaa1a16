package io.github.djlspectral.examples.classify;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.layers.flow.FlowPath;
import io.github.djlspectral.torch.Host;
import java.util.List;
import java.util.function.Function;

/**
 * The balance along a flow's depth, means over images; at the beginning and after each step.
 *
 * @param energy see {@link FlowPath}
 * @param slope see {@link FlowPath}
 * @param dissipation see {@link FlowPath}
 * @param weightWork see {@link FlowPath}
 * @param dissipated see {@link FlowPath}
 * @param residual see {@link FlowPath#residual}
 * @param clustersBefore clusters of an image's tokens before the first step
 * @param clustersAfter after the last
 */
record DepthProfile(
        double[] energy,
        double[] slope,
        double[] dissipation,
        double[] weightWork,
        double[] dissipated,
        double[] residual,
        double clustersBefore,
        double clustersAfter) {

    /**
     * Tokens belong to a cluster if they are within this angle of a neighbour in it, in degrees.
     */
    static final int CLUSTER_DEGREES = 20;

    /**
     * Averages paths.
     *
     * @param paths one for each image
     * @param before their tokens at the beginning, [B, n, d]
     * @param after their tokens at the end, [B, n, d]
     */
    static DepthProfile of(List<FlowPath> paths, NDArray before, NDArray after) {
        return new DepthProfile(
                mean(paths, FlowPath::energy),
                mean(paths, FlowPath::slope),
                mean(paths, FlowPath::dissipation),
                mean(paths, FlowPath::weightWork),
                mean(paths, FlowPath::dissipated),
                mean(paths, FlowPath::residual),
                clusters(before),
                clusters(after));
    }

    private static double[] mean(List<FlowPath> paths, Function<FlowPath, double[]> measure) {
        double[] mean = new double[paths.get(0).energy().length];
        for (FlowPath path : paths) {
            double[] values = measure.apply(path);
            for (int i = 0; i < mean.length; i++) {
                mean[i] += values[i] / paths.size();
            }
        }
        return mean;
    }

    private static double clusters(NDArray tokens) {
        long images = tokens.getShape().get(0);
        double sum = 0;
        for (long i = 0; i < images; i++) {
            try (NDArray image = tokens.get(i)) {
                sum += clusterCount(image, Math.toRadians(CLUSTER_DEGREES));
            }
        }
        return sum / images;
    }

    /**
     * Counts the clusters of tokens [n, d], unit vectors: two tokens belong together if a chain of
     * tokens leads from one to the other in which neighbours are within an angle, in radians. Cost
     * n^2 d.
     */
    static int clusterCount(NDArray tokens, double angle) {
        int n = (int) tokens.getShape().get(0);
        double[] cosines;
        try (NDArray exact = tokens.toType(DataType.FLOAT64, true);
                NDArray transposed = exact.transpose();
                NDArray products = exact.matMul(transposed)) {
            cosines = Host.read(products, NDArray::toDoubleArray);
        }
        double least = Math.cos(angle);
        boolean[] reached = new boolean[n];
        int clusters = 0;
        for (int i = 0; i < n; i++) {
            if (!reached[i]) {
                clusters++;
                reach(i, cosines, least, reached);
            }
        }
        return clusters;
    }

    /** Marks everything that a chain connects with a token. */
    private static void reach(int token, double[] cosines, double least, boolean[] reached) {
        int n = reached.length;
        int[] open = new int[n];
        int count = 0;
        open[count++] = token;
        reached[token] = true;
        while (count > 0) {
            int i = open[--count];
            for (int j = 0; j < n; j++) {
                if (!reached[j] && cosines[i * n + j] >= least) {
                    reached[j] = true;
                    open[count++] = j;
                }
            }
        }
    }
}

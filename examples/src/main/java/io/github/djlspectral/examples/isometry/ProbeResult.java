package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What was found of some untrained networks.
 *
 * @param family what their layers are
 * @param depth how many there are
 * @param networks one entry for each
 */
record ProbeResult(Family family, int depth, List<OfNetwork> networks) {

    /**
     * What was found of one network.
     *
     * @param gradient {@code |J^T g| / |g|} of all its layers, over images
     * @param cosines between Jacobians, for each of {@link NetworkProbe#PERTURBATIONS}, means
     * @param distance the ratio of distances between images after and before, mean
     */
    record OfNetwork(Spread gradient, double[] cosines, double distance) {}

    double leastGradient() {
        return numbers(network -> network.gradient().min())[0];
    }

    /** The median over networks of medians over images. */
    double medianGradient() {
        double[] medians = numbers(network -> network.gradient().median());
        int n = medians.length;
        return (medians[(n - 1) / 2] + medians[n / 2]) / 2;
    }

    double largestGradient() {
        return numbers(network -> network.gradient().max())[networks.size() - 1];
    }

    double cosine(int index) {
        return Arrays.stream(numbers(network -> network.cosines()[index])).average().orElseThrow();
    }

    double distance() {
        return Arrays.stream(numbers(OfNetwork::distance)).average().orElseThrow();
    }

    private double[] numbers(ToDoubleFunction<OfNetwork> number) {
        return networks.stream().mapToDouble(number).sorted().toArray();
    }
}

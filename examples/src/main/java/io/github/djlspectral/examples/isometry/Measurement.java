package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryMeasurement;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryProbe;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import java.util.List;

/**
 * What the layers of a network do to differences and gradients, at some test images.
 *
 * @param least the least singular value of the Jacobian of all layers together at the first image
 * @param largest the largest
 * @param gradients {@code |J^T g| / |g|} from the input of each layer to the last output, the
 *     median over images
 * @param foldRate the share of hyperplanes with a point on the folded side; NaN if not known
 * @param cosine between the Jacobians at an image and beside it, a tenth of its length away, mean
 * @param distance the ratio of distances between images after and before, mean
 */
record Measurement(
        double least,
        double largest,
        double[] gradients,
        double foldRate,
        double cosine,
        double distance) {

    /**
     * Measures.
     *
     * @param layers initialised
     * @param states what they get, [N, ..], N the number of images, two or more
     */
    static Measurement of(SequentialBlock layers, NDArray states) {
        IsometryMeasurement found =
                IsometryProbe.builder().setInputs(states).build().measure(layers);
        List<LayerProfile> profiles = found.layers();
        int parts = profiles.size() / layers.getChildren().size();
        double[] gradients = new double[layers.getChildren().size()];
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = profiles.get(i * parts).gradientRatio().median();
        }
        return new Measurement(
                found.smallest(),
                found.largest(),
                gradients,
                found.foldRate(),
                found.jacobianCosine().mean(),
                found.distanceRatio().mean());
    }

    /** {@code |J^T g| / |g|} of all layers together. */
    double gradient() {
        return gradients[0];
    }
}

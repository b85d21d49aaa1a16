package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

class DepthProfileTest {

    @Test
    void countsClusters() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] angles = {0, 0.1, 0.2, 2, 2.05, 4};
            double[] coordinates = new double[12];
            for (int i = 0; i < 6; i++) {
                coordinates[2 * i] = Math.cos(angles[i]);
                coordinates[2 * i + 1] = Math.sin(angles[i]);
            }
            NDArray x = manager.create(coordinates, new Shape(6, 2));
            assertThat(DepthProfile.clusterCount(x, 0.15)).isEqualTo(3);
            assertThat(DepthProfile.clusterCount(x, 0.07)).isEqualTo(5);
            assertThat(DepthProfile.clusterCount(x, 2.5)).isEqualTo(1);
        }
    }
}

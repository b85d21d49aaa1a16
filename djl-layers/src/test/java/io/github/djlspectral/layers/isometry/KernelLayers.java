package io.github.djlspectral.layers.isometry;

import java.util.ArrayList;
import java.util.List;

/** Layers with orthogonal kernels to test. */
final class KernelLayers {

    private KernelLayers() {}

    static ConvolutionFold.Builder fold(int channels, int kernel) {
        return ConvolutionFold.builder()
                .setChannels(channels)
                .setKernel(kernel)
                .optInitialBias(-0.1f);
    }

    static OrthogonalConvolution.Builder linear(int channels, int filters, int kernel) {
        return OrthogonalConvolution.builder()
                .setChannels(channels)
                .setFilters(filters)
                .setKernel(kernel)
                .optInitialBias(0.1f);
    }

    /**
     * Layers for c channels and sides that are multiples of 2, each way to keep them orthogonal.
     */
    static List<KernelLayer> layers(int c) {
        List<KernelLayer> layers = new ArrayList<>();
        for (int k : c == 1 ? new int[] {1} : new int[] {1, 2, 3, 5}) {
            layers.add(fold(c, k).build());
            layers.add(fold(c, k).optFilters((c + 1) / 2).optStride(2).build());
            layers.add(linear(c, c, k).build());
            layers.add(linear(c, (c + 1) / 2, k).build());
            layers.add(linear(c, c + 2, k).build());
        }
        for (int filters : new int[] {2 * c, 4 * c, 5 * c}) {
            layers.add(linear(c, filters, 2).optStride(2).build());
        }
        for (Parametrization way : Parametrization.values()) {
            layers.add(linear(c, 2 * c, 2).optStride(2).optParametrization(way).build());
            layers.add(fold(c, c == 1 ? 1 : 3).optParametrization(way).build());
        }
        return layers;
    }
}

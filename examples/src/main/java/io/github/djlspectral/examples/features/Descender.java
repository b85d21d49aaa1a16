package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDArray;
import io.github.djlspectral.optim.SpectralMap;
import java.util.List;
import java.util.Locale;

/**
 * An optimizer as it is without momentum: a map from the batch's gradient to a direction.
 *
 * @param name for people
 * @param map the map; null: the gradient itself
 */
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

    /** Returns the name for files. */
    String fileName() {
        return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    }

    /** Returns a direction that belongs to the gradient's manager, or the gradient. */
    NDArray direction(NDArray gradient) {
        return map == null ? gradient : map.apply(gradient);
    }
}

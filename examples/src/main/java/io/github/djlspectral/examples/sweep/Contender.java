package io.github.djlspectral.examples.sweep;

import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/**
 * An optimizer in a sweep.
 *
 * @param label what tables and pictures call it
 * @param arguments the options of {@code train} that choose it
 * @param rates the learning rates to try, increasing
 */
record Contender(String label, TrainArguments arguments, List<Double> rates) {

    static Contender of(String label, String arguments, double... rates) {
        return new Contender(
                label, TrainArguments.parse(arguments), DoubleStream.of(rates).boxed().toList());
    }

    /** Returns the label as the name of a directory. */
    String directoryName() {
        return label.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.]+", "-");
    }
}

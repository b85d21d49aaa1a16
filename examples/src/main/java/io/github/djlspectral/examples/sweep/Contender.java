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

    private static final String AT = ", width ";
    private static final int HEAD = 32;

    static Contender of(String label, String arguments, double... rates) {
        return new Contender(
                label, TrainArguments.parse(arguments), DoubleStream.of(rates).boxed().toList());
    }

    /** Returns this for a model of some width, in heads of 32. */
    Contender atWidth(int width) {
        return new Contender(
                label + AT + width,
                arguments.plus("--width", width).plus("--heads", Math.max(1, width / HEAD)),
                rates);
    }

    /** Returns the label without the width. */
    String method() {
        return label.replaceFirst(AT + "\\d+$", "");
    }

    /** Returns the label as the name of a directory. */
    String directoryName() {
        return label.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.]+", "-");
    }
}

package io.github.djlspectral.spark;

import java.io.Serializable;

/**
 * What a worker leaves behind, in this order: its report, its weights piece by piece, and its
 * optimizer's state. One at a time is in memory while Spark stores them, by Java's serialisation or
 * by Kryo, which knows no records.
 */
final class Piece implements Serializable {

    private static final long serialVersionUID = 1L;

    final int worker;

    /** Which of the weights' or of the state's pieces it is. */
    final int index;

    /**
     * A {@link Report}, {@code float[]} or {@code byte[]}; or in place of a state the name of the
     * checkpoint that has it.
     */
    final Object content;

    Piece(int worker, int index, Object content) {
        this.worker = worker;
        this.index = index;
        this.content = content;
    }

    /** What the driver is told. */
    static final class Report implements Serializable {

        private static final long serialVersionUID = 1L;

        /** Why there is nothing else; null if there is. */
        String failure;

        /** What the steps found. */
        final double[] losses;

        final double[] norms;

        /** The seconds that the steps took. */
        double training;

        /** The seconds that all took. */
        double task;

        Report(int steps) {
            losses = new double[steps];
            norms = new double[steps];
        }
    }
}

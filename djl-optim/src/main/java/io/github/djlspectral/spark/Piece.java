package io.github.djlspectral.spark;

import java.io.Serializable;

/**
 * What a worker leaves behind, in this order: its report, its weights piece by piece, and its
 * optimizer's state. One at a time is in memory while Spark stores them.
 *
 * @param worker its number
 * @param index which of the weights' or state's pieces it is
 * @param content a {@link Report}, {@code float[]} or {@code byte[]}; in place of a state, the
 *     {@link HadoopFolder} where it lies
 */
record Piece(int worker, int index, Object content) implements Serializable {

    /**
     * What the driver is told.
     *
     * @param failure why there is nothing else; null if there is
     * @param losses of the steps
     * @param norms of the steps' gradients
     * @param training the seconds that they took
     * @param task the seconds that all took
     */
    record Report(String failure, double[] losses, double[] norms, double training, double task)
            implements Serializable {}
}

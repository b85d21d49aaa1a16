package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;

/** Where the tokens of a path were at each record. */
final class TokenTrack {

    private final double[] times;
    private final double[] coordinates;
    private final int tokens;
    private final int dimension;

    TokenTrack(FlowRecord record) {
        times = record.time();
        coordinates = Host.read(record.tokens(), NDArray::toDoubleArray);
        Shape shape = record.tokens().getShape();
        tokens = (int) shape.get(1);
        dimension = (int) shape.get(2);
    }

    int records() {
        return times.length;
    }

    int tokens() {
        return tokens;
    }

    int dimension() {
        return dimension;
    }

    double time(int record) {
        return times[record];
    }

    double[] position(int record, int token) {
        int first = (record * tokens + token) * dimension;
        return Arrays.copyOfRange(coordinates, first, first + dimension);
    }

    /** Returns at most {@code count} records, evenly spaced, with the first and the last. */
    int[] evenly(int count) {
        int last = records() - 1;
        int chosen = Math.min(count, records());
        int[] indices = new int[chosen];
        for (int i = 0; i < chosen; i++) {
            indices[i] = chosen == 1 ? last : (int) Math.round((double) i * last / (chosen - 1));
        }
        return indices;
    }

    /** Returns a row for each token of each record. */
    Table table() {
        String[] columns = new String[2 + dimension];
        columns[0] = "time";
        columns[1] = "token";
        for (int k = 0; k < dimension; k++) {
            columns[2 + k] = "x" + (k + 1);
        }
        Table table = new Table(columns);
        for (int r = 0; r < records(); r++) {
            for (int i = 0; i < tokens; i++) {
                Object[] cells = new Object[2 + dimension];
                cells[0] = times[r];
                cells[1] = i;
                for (int k = 0; k < dimension; k++) {
                    cells[2 + k] = coordinates[(r * tokens + i) * dimension + k];
                }
                table.add(cells);
            }
        }
        return table;
    }
}

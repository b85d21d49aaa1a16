package io.github.djlspectral.layers.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/** The records of one path while it is simulated. */
final class RecordedPath {

    private record Row(double time, double[] measures, double[] integrals, double[] tokens) {}

    private final List<Row> rows = new ArrayList<>();

    /**
     * Adds a record.
     *
     * @param time the time
     * @param measures energy, slope, dissipation
     * @param integrals of slope, dissipation and energy drift, and the martingale
     * @param tokens all coordinates
     */
    void add(double time, double[] measures, double[] integrals, double[] tokens) {
        rows.add(new Row(time, measures, integrals, tokens));
    }

    /** Returns what was recorded; the token coordinates as [R, n, d], d that of the weights. */
    FlowRecord toRecord(NDManager manager, NDArray weights) {
        long d = weights.getShape().get(1);
        long n = rows.get(0).tokens.length / d;
        double[] coordinates =
                rows.stream().flatMapToDouble(row -> DoubleStream.of(row.tokens)).toArray();
        weights.attach(manager);
        return new FlowRecord(
                rows.stream().mapToDouble(Row::time).toArray(),
                measure(0),
                measure(1),
                measure(2),
                integral(2),
                integral(0),
                integral(1),
                integral(3),
                manager.create(coordinates, new Shape(rows.size(), n, d)),
                weights);
    }

    private double[] measure(int index) {
        return rows.stream().mapToDouble(row -> row.measures[index]).toArray();
    }

    private double[] integral(int index) {
        return rows.stream().mapToDouble(row -> row.integrals[index]).toArray();
    }
}

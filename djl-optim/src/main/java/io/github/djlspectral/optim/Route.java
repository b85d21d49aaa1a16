package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Where one parameter goes, and why.
 *
 * @param blocks the number of matrices in it
 * @param inputsFirst whether rows of these are inputs, columns outputs
 * @param group the optimizer of its group, or null
 */
record Route(
        String name,
        Parameter parameter,
        boolean spectral,
        String reason,
        int blocks,
        boolean inputsFirst,
        Optimizer group) {

    static final String SPECTRAL = "spectral";
    static final String FALLBACK = "fallback";
    static final String GROUP = "group";
    static final String FROZEN = "frozen";

    Route(String name, Parameter parameter, boolean spectral, String reason) {
        this(name, parameter, spectral, reason, 1, false, null);
    }

    Route asAsked(boolean choice) {
        return new Route(name, parameter, choice, "as asked", blocks, inputsFirst, null);
    }

    Route ofBlocks(int number) {
        return new Route(name, parameter, spectral, reason, number, inputsFirst, group);
    }

    Route in(Optimizer optimizer) {
        String why = "group of " + optimizer.getClass().getSimpleName();
        return new Route(name, parameter, spectral, why, blocks, inputsFirst, optimizer);
    }

    void requireWholeBlocks() {
        Shape shape = BlockParameters.shape(parameter);
        if (blocks > 1 && shape.get(0) % blocks != 0) {
            throw new IllegalArgumentException(
                    "%s of shape %s cannot be %s blocks of equally many rows"
                            .formatted(name, shape, blocks));
        }
    }

    /** The shape of each matrix if there are several. */
    String shape() {
        Shape shape = BlockParameters.shape(parameter);
        long[] b = SpectralMap.blocks(shape, blocks);
        return blocks == 1 ? shape.toString() : blocks + " x " + new Shape(b[1], b[2]);
    }

    /** Read when asked: parameters may be frozen after the routing was made. */
    String label() {
        if (!parameter.requiresGradient()) {
            return FROZEN;
        }
        if (group != null) {
            return GROUP;
        }
        return spectral ? SPECTRAL : FALLBACK;
    }

    long elements() {
        return BlockParameters.shape(parameter).size();
    }

    /** A line for each, columns aligned, and the totals. */
    static String table(Collection<Route> rows) {
        List<String[]> table = new ArrayList<>();
        table.add(new String[] {"parameter", "shape", "elements", "route", "reason"});
        for (Route row : rows) {
            table.add(cells(row.name, row.shape(), row.elements(), row.label(), row.reason));
        }
        for (String route : List.of(SPECTRAL, FALLBACK, GROUP, FROZEN)) {
            List<Route> part = rows.stream().filter(row -> row.label().equals(route)).toList();
            long elements = part.stream().mapToLong(Route::elements).sum();
            if (!route.equals(GROUP) || !part.isEmpty()) {
                table.add(cells("total", "", elements, route, part.size() + " arrays"));
            }
        }
        Object[] widths = new Object[4];
        for (int i = 0; i < widths.length; i++) {
            int column = i;
            widths[i] = table.stream().mapToInt(row -> row[column].length()).max().getAsInt();
        }
        String format = String.format(Locale.ROOT, "%%-%ds  %%-%ds  %%%ds  %%-%ds  %%s\n", widths);
        return table.stream()
                .map(row -> String.format(Locale.ROOT, format, (Object[]) row))
                .collect(Collectors.joining());
    }

    private static String[] cells(
            String name, String shape, long elements, String route, String reason) {
        String count = String.format(Locale.ROOT, "%,d", elements);
        return new String[] {name, shape, count, route, reason};
    }
}

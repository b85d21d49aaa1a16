package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.Pair;
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

    private static final String SPECTRAL = "spectral";
    private static final String FALLBACK = "fallback";
    private static final String GROUP = "group";
    private static final String FROZEN = "frozen";

    Route(String name, Parameter parameter, boolean spectral, String reason) {
        this(name, parameter, spectral, reason, 1, false, null);
    }

    private Shape whole() {
        return BlockParameters.shape(parameter);
    }

    Pair<String, Parameter> named() {
        return new Pair<>(name, parameter);
    }

    /** Whether it is of a shape that has a spectrum. */
    boolean isMatrix() {
        return whole().dimension() >= 2 && whole().size() > 0;
    }

    /** Whether its blocks are mapped. */
    boolean isMapped() {
        return spectral || group instanceof SpectralOptimizer && isMatrix();
    }

    /** As asked, by exception; what has no spectrum stays where it is. */
    Route asAsked(boolean choice) {
        return choice && !isMatrix()
                ? this
                : new Route(name, parameter, choice, "as asked", blocks, inputsFirst, null);
    }

    Route ofBlocks(int number) {
        return isMatrix()
                ? new Route(name, parameter, spectral, reason, number, inputsFirst, group)
                : this;
    }

    Route in(Optimizer optimizer) {
        String why = "group of " + optimizer.getClass().getSimpleName();
        return optimizer instanceof SpectralOptimizer && !isMatrix()
                ? this
                : new Route(name, parameter, false, why, blocks, inputsFirst, optimizer);
    }

    Route requireWholeBlocks() {
        if (isMatrix() && (blocks < 1 || whole().get(0) % blocks != 0)) {
            throw new IllegalArgumentException(
                    ("%s of shape %s cannot be %s blocks of equally many rows; withBlocks, or its"
                                    + " block's matrices(..), must say a number that divides them")
                            .formatted(name, whole(), blocks));
        }
        return this;
    }

    /** The shape of each matrix if several are mapped. */
    private String shape() {
        if (blocks == 1 || !isMapped()) {
            return whole().toString();
        }
        long[] b = SpectralMap.blocks(whole(), blocks);
        return blocks + " x " + new Shape(b[1], b[2]);
    }

    /** Read when asked: parameters may be frozen after the routing was made. */
    private String label() {
        String trained = group != null ? GROUP : spectral ? SPECTRAL : FALLBACK;
        return parameter.requiresGradient() ? trained : FROZEN;
    }

    /** A line for each, columns aligned, and the totals. */
    static String table(Collection<Route> rows) {
        List<String[]> table = new ArrayList<>();
        table.add(new String[] {"parameter", "shape", "elements", "route", "reason"});
        for (Route row : rows) {
            table.add(cells(row.name, row.shape(), row.whole().size(), row.label(), row.reason));
        }
        for (String route : List.of(SPECTRAL, FALLBACK, GROUP, FROZEN)) {
            List<Route> part = rows.stream().filter(row -> row.label().equals(route)).toList();
            long elements = part.stream().mapToLong(row -> row.whole().size()).sum();
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

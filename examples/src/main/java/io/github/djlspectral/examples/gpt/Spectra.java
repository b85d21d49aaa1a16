package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.Metrics.Log;
import io.github.djlspectral.optim.diagnostics.Spectrum;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The file {@code spectra.csv} of a run: two lines for each measured step and hidden matrix, its
 * momentum's and its update's. The columns of the histogram are named by the least log10(s / s_1)
 * of their bin.
 */
final class Spectra {

    private static final String HEADER =
            "step,parameter,matrix,largest,smallest,stable_rank,effective_rank,rms,"
                    + IntStream.range(0, Spectrum.BINS)
                            .mapToObj(i -> Table.text("%.2f", Math.log10(Spectrum.binStart(i))))
                            .collect(Collectors.joining(","));
    private static final String MOMENTUM = "momentum";
    private static final String UPDATE = "update";
    private static final int FIRST_BIN = 8;

    private Spectra() {}

    /** Begins or continues a log with these rows. */
    static Log<UpdateSpectra> open(Path path, List<UpdateSpectra> rows) {
        return new Log<>(path, HEADER, rows, Spectra::format);
    }

    private static String format(UpdateSpectra row) {
        String name = row.step() + "," + row.parameter() + ",";
        return (name + MOMENTUM + format(row.momentum()))
                + ("\n" + name + UPDATE + format(row.update()));
    }

    /** Numbers are written as Java prints them, so that equal text means equal bits. */
    private static String format(Spectrum s) {
        List<Object> cells = new ArrayList<>(List.of("", s.largest(), s.smallest()));
        cells.addAll(List.of(s.stableRank(), s.effectiveRank(), s.rms()));
        cells.addAll(s.histogram());
        return cells.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    /** Reads a log up to a step; nothing if there is no file. */
    static List<UpdateSpectra> read(Path path, int lastStep) {
        List<String> rows =
                Files.exists(path)
                        ? Log.read(path, lastStep, cells -> String.join(",", cells))
                        : List.of();
        List<UpdateSpectra> spectra = new ArrayList<>();
        for (int i = 0; i < rows.size(); i += 2) {
            String[] cells = rows.get(i).split(",", -1);
            String name = cells[0] + "," + cells[1] + ",";
            Spectrum momentum = parse(path, rows, i, name + MOMENTUM);
            Spectrum update = parse(path, rows, i + 1, name + UPDATE);
            spectra.add(new UpdateSpectra(Integer.parseInt(cells[0]), cells[1], momentum, update));
        }
        return spectra;
    }

    private static Spectrum parse(Path path, List<String> rows, int index, String start) {
        String row = index < rows.size() ? rows.get(index) : "";
        try {
            String[] cells = row.split(",", -1);
            if (!row.startsWith(start + ",") || cells.length != FIRST_BIN + Spectrum.BINS) {
                throw new IllegalArgumentException("Not " + start);
            }
            return new Spectrum(
                    Double.parseDouble(cells[3]),
                    Double.parseDouble(cells[4]),
                    Double.parseDouble(cells[5]),
                    Double.parseDouble(cells[6]),
                    Double.parseDouble(cells[7]),
                    Arrays.stream(cells).skip(FIRST_BIN).map(Integer::valueOf).toList());
        } catch (IllegalArgumentException e) {
            throw Log.damaged(path, index + 1, row, e);
        }
    }

    /** Draws ranks over steps, and the last step's singular values, if there are any. */
    static void plot(String title, List<UpdateSpectra> spectra, Path path) {
        SortedMap<Integer, List<UpdateSpectra>> steps = new TreeMap<>();
        spectra.forEach(s -> steps.computeIfAbsent(s.step(), i -> new ArrayList<>()).add(s));
        if (steps.isEmpty()) {
            return;
        }
        double[] at = steps.keySet().stream().mapToDouble(i -> i).toArray();
        // the edges of the bins; the last edge repeats the last bin's share
        double[] edges = new double[Spectrum.BINS + 1];
        Arrays.setAll(edges, i -> i < Spectrum.BINS ? Math.log10(Spectrum.binStart(i)) : 0);
        Plot ranks = panel(title, "step", "median effective rank (dashed: stable)");
        String last = "step " + steps.lastKey() + ", all hidden matrices";
        String value = "singular value, log10(s / largest)";
        Plot histogram = panel(last, value, "share of singular values");
        for (String name : List.of(MOMENTUM, UPDATE)) {
            Function<UpdateSpectra, Spectrum> matrix =
                    name.equals(UPDATE) ? UpdateSpectra::update : UpdateSpectra::momentum;
            // a point for each, as a run may have been measured once
            ranks.add(name, Style.MARKED, at, medians(steps, matrix, Spectrum::effectiveRank));
            ranks.add(name, Style.DASHED, at, medians(steps, matrix, Spectrum::stableRank));
            histogram.add(name, Style.STEPS, edges, shares(steps.get(steps.lastKey()), matrix));
        }
        Plot.save(path, 2, List.of(ranks, histogram));
    }

    private static Plot panel(String title, String x, String y) {
        return new Plot(title, x, y).size(680, 440).between(0, Double.NaN);
    }

    private static double[] medians(
            SortedMap<Integer, List<UpdateSpectra>> steps,
            Function<UpdateSpectra, Spectrum> matrix,
            ToDoubleFunction<Spectrum> rank) {
        return steps.values().stream()
                .map(found -> found.stream().map(matrix).mapToDouble(rank).toArray())
                .mapToDouble(Stats::median)
                .toArray();
    }

    private static double[] shares(
            List<UpdateSpectra> measured, Function<UpdateSpectra, Spectrum> matrix) {
        double[] counts = new double[Spectrum.BINS];
        for (UpdateSpectra one : measured) {
            Arrays.setAll(counts, i -> counts[i] + matrix.apply(one).histogram().get(i));
        }
        double total = Arrays.stream(counts).sum();
        double[] shares = new double[Spectrum.BINS + 1];
        Arrays.setAll(shares, i -> counts[Math.min(i, Spectrum.BINS - 1)] / total);
        return shares;
    }
}

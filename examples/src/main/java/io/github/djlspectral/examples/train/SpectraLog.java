package io.github.djlspectral.examples.train;

import io.github.djlspectral.optim.diagnostics.Spectrum;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.BadInputException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The file {@code spectra.csv} of a run: two rows for each measured step and hidden matrix, its
 * momentum's and its update's. The columns of the histogram are named by the least log10(s / s_1)
 * of their bin.
 */
final class SpectraLog implements AutoCloseable {

    static final String HEADER =
            "step,parameter,matrix,largest,smallest,stable_rank,effective_rank,rms,"
                    + IntStream.range(0, Spectrum.BINS)
                            .mapToObj(Spectrum::binStart)
                            .map(s -> String.format(Locale.ROOT, "%.2f", Math.log10(s)))
                            .collect(Collectors.joining(","));

    private static final String MOMENTUM = "momentum";
    private static final String UPDATE = "update";
    private static final int FIRST_NUMBER = 3;
    private static final int FIRST_BIN = 8;

    private final CsvLog log;

    private SpectraLog(CsvLog log) {
        this.log = log;
    }

    /**
     * Begins or continues a log.
     *
     * @param rows what to begin with
     * @throws UncheckedIOException if the file cannot be written
     */
    static SpectraLog open(Path path, List<UpdateSpectra> rows) {
        return new SpectraLog(CsvLog.open(path, HEADER, format(rows)));
    }

    /**
     * Reads a log up to a step.
     *
     * @param lastStep rows of later steps are left out
     * @return by step; nothing if there is no file
     * @throws BadInputException if a row is malformed
     * @throws UncheckedIOException if the file cannot be read
     */
    static List<UpdateSpectra> read(Path path, int lastStep) {
        if (!Files.exists(path)) {
            return List.of();
        }
        List<String> rows = CsvLog.read(path, lastStep);
        List<UpdateSpectra> spectra = new ArrayList<>();
        for (int i = 0; i < rows.size(); i += 2) {
            String[] cells = rows.get(i).split(",", -1);
            String start = cells[0] + "," + cells[1] + ",";
            spectra.add(
                    new UpdateSpectra(
                            Integer.parseInt(cells[0]),
                            cells[1],
                            parse(path, rows, i, start + MOMENTUM),
                            parse(path, rows, i + 1, start + UPDATE)));
        }
        return spectra;
    }

    void append(List<UpdateSpectra> rows) {
        log.append(format(rows));
    }

    @Override
    public void close() {
        log.close();
    }

    private static List<String> format(List<UpdateSpectra> rows) {
        return rows.stream()
                .flatMap(
                        row ->
                                Stream.of(
                                        format(row, MOMENTUM, row.momentum()),
                                        format(row, UPDATE, row.update())))
                .toList();
    }

    /** Numbers are written as Java prints them, so that equal text means equal bits. */
    private static String format(UpdateSpectra row, String matrix, Spectrum s) {
        Stream<Object> cells =
                Stream.of(
                        row.step(),
                        row.parameter(),
                        matrix,
                        s.largest(),
                        s.smallest(),
                        s.stableRank(),
                        s.effectiveRank(),
                        s.rms());
        return Stream.concat(cells, s.histogram().stream())
                .map(String::valueOf)
                .collect(Collectors.joining(","));
    }

    private static Spectrum parse(Path path, List<String> rows, int index, String start) {
        String row = index < rows.size() ? rows.get(index) : "";
        try {
            String[] cells = row.split(",", -1);
            if (!row.startsWith(start + ",") || cells.length != FIRST_BIN + Spectrum.BINS) {
                throw new IllegalArgumentException("Not " + start);
            }
            return new Spectrum(
                    Double.parseDouble(cells[FIRST_NUMBER]),
                    Double.parseDouble(cells[FIRST_NUMBER + 1]),
                    Double.parseDouble(cells[FIRST_NUMBER + 2]),
                    Double.parseDouble(cells[FIRST_NUMBER + 3]),
                    Double.parseDouble(cells[FIRST_NUMBER + 4]),
                    Arrays.stream(cells).skip(FIRST_BIN).map(Integer::valueOf).toList());
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw CsvLog.damaged(path, index, row, e);
        }
    }
}

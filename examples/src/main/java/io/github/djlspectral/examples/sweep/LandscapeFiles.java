package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/**
 * The files of a landscape: {@code settings.txt}, which says what was measured, and {@code
 * landscape.csv} with a line per point.
 *
 * @param directory where they are
 */
record LandscapeFiles(Path directory) {

    private static final String HEADER =
            "step,exponent,learning_rate,validation_loss_before,validation_loss_change,"
                    + "slope,batch_slope,curvature,alignment,potential,best_step";
    private static final int COLUMNS = 11;

    /**
     * Begins a landscape, or returns what has been measured of it.
     *
     * @param settings everything that decides the numbers, line by line
     * @return the points so far
     * @throws BadInputException if the directory holds a landscape with other settings, or a
     *     damaged one
     */
    List<LandscapePoint> open(List<String> settings) {
        Path file = directory.resolve("settings.txt");
        if (!Files.exists(file)) {
            Table.write(file, settings);
            return List.of();
        }
        List<String> saved = read(file);
        for (int i = 0; i < Math.max(saved.size(), settings.size()); i++) {
            String before = i < saved.size() ? saved.get(i) : "nothing";
            String now = i < settings.size() ? settings.get(i) : "nothing";
            if (!before.equals(now)) {
                throw new BadInputException(
                        directory
                                + " holds another landscape, with "
                                + before
                                + " where this one has "
                                + now
                                + ": choose another --out");
            }
        }
        return Files.exists(csv()) ? points() : List.of();
    }

    /** Writes all points. */
    void write(List<LandscapePoint> points) {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        points.forEach(
                p ->
                        lines.add(
                                p.step()
                                        + ","
                                        + DoubleStream.of(
                                                        p.exponent(),
                                                        p.rate(),
                                                        p.loss(),
                                                        p.change(),
                                                        p.descent().slope(),
                                                        p.descent().batchSlope(),
                                                        p.descent().curvature(),
                                                        p.descent().alignment(),
                                                        p.descent().potential(),
                                                        p.descent().bestStep())
                                                .mapToObj(Double::toString)
                                                .collect(Collectors.joining(","))));
        Table.write(csv(), lines);
    }

    private List<LandscapePoint> points() {
        List<LandscapePoint> points = new ArrayList<>();
        List<String> lines = read(csv());
        for (String line : lines.subList(1, lines.size())) {
            points.add(parse(line));
        }
        return points;
    }

    private LandscapePoint parse(String line) {
        String[] cells = line.split(",", -1);
        try {
            if (cells.length == COLUMNS) {
                return new LandscapePoint(
                        Integer.parseInt(cells[0]),
                        Double.parseDouble(cells[1]),
                        Double.parseDouble(cells[2]),
                        Double.parseDouble(cells[3]),
                        Double.parseDouble(cells[4]),
                        new LocalDescent(
                                Double.parseDouble(cells[5]),
                                Double.parseDouble(cells[6]),
                                Double.parseDouble(cells[7])));
            }
        } catch (NumberFormatException e) {
            throw damaged(line, e);
        }
        throw damaged(line, null);
    }

    private BadInputException damaged(String line, NumberFormatException cause) {
        return new BadInputException(
                csv() + " is damaged: '" + line + "'; delete it to measure again", cause);
    }

    private Path csv() {
        return directory.resolve("landscape.csv");
    }

    private static List<String> read(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file + " (" + e + ")", e);
        }
    }
}

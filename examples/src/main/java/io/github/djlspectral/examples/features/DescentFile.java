package io.github.djlspectral.examples.features;

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
 * A finished {@link Descent} as a CSV file. Its first line tells the problem, so that a file of
 * another one is not taken for it.
 */
final class DescentFile {

    private static final String HEADER = "step,loss,step_size,length,alignment,potential";
    private static final int LINES_BEFORE = 2;

    private DescentFile() {}

    /** Writes the file, whole or not at all. */
    static void write(Path path, FeatureProblem problem, Descent descent) {
        List<String> lines = new ArrayList<>(List.of("# " + problem, HEADER));
        descent.points().forEach(point -> lines.add(format(point)));
        Table.write(path, lines);
    }

    /**
     * Reads a file.
     *
     * @throws BadInputException if it belongs to another problem or is damaged
     */
    static Descent read(Path path, FeatureProblem problem) {
        try {
            List<String> lines = Files.readAllLines(path);
            if (lines.isEmpty() || !lines.get(0).equals("# " + problem)) {
                throw new BadInputException(
                        path
                                + " is not of "
                                + problem
                                + " but of "
                                + (lines.isEmpty() ? "nothing" : lines.get(0).substring(1).trim())
                                + "; choose another --out");
            }
            return new Descent(
                    lines.stream().skip(LINES_BEFORE).map(line -> parse(path, line)).toList());
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    /** Numbers are written as Java prints them, so that they are read back bit for bit. */
    private static String format(Descent.Point p) {
        return p.step()
                + ","
                + DoubleStream.of(p.loss(), p.stepSize(), p.length(), p.alignment(), p.potential())
                        .mapToObj(value -> Double.isNaN(value) ? "" : Double.toString(value))
                        .collect(Collectors.joining(","));
    }

    private static Descent.Point parse(Path path, String line) {
        String[] cells = line.split(",", -1);
        try {
            return new Descent.Point(
                    Integer.parseInt(cells[0]),
                    number(cells[1]),
                    number(cells[2]),
                    number(cells[3]),
                    number(cells[4]),
                    number(cells[5]));
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new BadInputException(path + " is damaged: " + line, e);
        }
    }

    private static double number(String cell) {
        return cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
    }
}

package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The validation losses of groups of runs that differ in their seed alone. */
public final class RunComparison {

    /** The colours of the groups, opaque; they begin again after the last. */
    static final List<Color> COLORS =
            List.of(
                    new Color(0x1f77b4),
                    new Color(0xd62728),
                    new Color(0x2ca02c),
                    new Color(0x9467bd),
                    new Color(0xff7f0e),
                    new Color(0x7f7f7f));

    private final Map<String, List<Path>> groups;

    /**
     * Names the runs to compare.
     *
     * @param groups directories of runs by the name of their group
     */
    public RunComparison(Map<String, List<Path>> groups) {
        this.groups = groups;
    }

    /**
     * Finds the runs in a directory whose names match.
     *
     * @param pattern a directory, and after its last separator a glob such as {@code runs/muon-*}
     * @return the directories, sorted
     * @throws BadInputException if there are none
     */
    public static List<Path> find(String pattern) {
        Path path = Path.of(pattern);
        Path parent = path.toAbsolutePath().getParent();
        if (Files.isDirectory(parent)) {
            try (Stream<Path> children = Files.list(parent)) {
                var matcher = parent.getFileSystem().getPathMatcher("glob:" + path.getFileName());
                List<Path> runs =
                        children.filter(child -> matcher.matches(child.getFileName()))
                                .filter(child -> Files.exists(new RunDirectory(child).metrics()))
                                .sorted()
                                .toList();
                if (!runs.isEmpty()) {
                    return runs;
                }
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot list " + parent + " (" + e + ")", e);
            }
        }
        throw new BadInputException("No run with a metrics.csv matches " + pattern);
    }

    /**
     * Returns the final validation losses as a Markdown table, one group a row: mean over the runs
     * and their least and largest.
     *
     * @return the lines of the table
     */
    public List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add("| | runs | steps | final validation loss | least | largest |");
        lines.add("|---|---|---|---|---|---|");
        groups.forEach(
                (name, runs) -> {
                    double[] finals =
                            runs.stream()
                                    .mapToDouble(run -> last(evaluated(run)).validationLoss())
                                    .sorted()
                                    .toArray();
                    double sum = 0;
                    for (double loss : finals) {
                        sum += loss;
                    }
                    lines.add(
                            String.format(
                                    Locale.ROOT,
                                    "| %s | %d | %d | %.4f | %.4f | %.4f |",
                                    name,
                                    finals.length,
                                    last(evaluated(runs.get(0))).step(),
                                    sum / finals.length,
                                    finals[0],
                                    finals[finals.length - 1]));
                });
        return lines;
    }

    /**
     * Draws the curve of every run, one colour a group.
     *
     * @param title the title of the picture
     * @param path the PNG file to write
     * @throws UncheckedIOException if it cannot be written
     */
    public void plot(String title, Path path) {
        XYChart chart = LossPlot.chart(title);
        int group = 0;
        for (Map.Entry<String, List<Path>> entry : groups.entrySet()) {
            Color color = COLORS.get(group++ % COLORS.size());
            for (int i = 0; i < entry.getValue().size(); i++) {
                List<MetricsRow> rows = evaluated(entry.getValue().get(i));
                chart.addSeries(
                                entry.getKey() + (i == 0 ? "" : " " + (i + 1)),
                                rows.stream().mapToDouble(MetricsRow::step).toArray(),
                                rows.stream().mapToDouble(MetricsRow::validationLoss).toArray())
                        .setMarker(SeriesMarkers.NONE)
                        .setLineColor(color)
                        .setShowInLegend(i == 0);
            }
        }
        Picture.save(chart, path);
    }

    private static List<MetricsRow> evaluated(Path run) {
        List<MetricsRow> rows =
                MetricsLog.read(new RunDirectory(run).metrics(), Integer.MAX_VALUE).stream()
                        .filter(MetricsRow::evaluated)
                        .toList();
        if (rows.isEmpty()) {
            throw new BadInputException(run + " has no validation loss yet");
        }
        return rows;
    }

    private static MetricsRow last(List<MetricsRow> rows) {
        return rows.get(rows.size() - 1);
    }
}

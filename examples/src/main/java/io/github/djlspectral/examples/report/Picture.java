package io.github.djlspectral.examples.report;

import io.github.djlspectral.examples.experiment.Plot;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.imageio.ImageIO;
import org.knowm.xchart.internal.chartpart.Chart;

/** Files with pictures. Results are never lost because a machine cannot draw. */
public final class Picture {

    private static final AtomicBoolean WARNED = new AtomicBoolean();

    static {
        // A cache on disk needs a shutdown hook, which a run that is asked to stop cannot add.
        ImageIO.setUseCache(false);
    }

    private Picture() {}

    /** Draws a picture and writes its file. */
    @FunctionalInterface
    public interface Drawing {
        /**
         * Draws and writes.
         *
         * @throws IOException if the file cannot be written
         */
        void write() throws IOException;
    }

    /**
     * Writes a picture, where the machine can draw one. Java draws no letter on a machine without
     * fonts, and no axis for infinite numbers: then there is no file, and standard error says so,
     * for fonts once.
     *
     * @param path the file, for messages
     * @param drawing makes it
     * @throws UncheckedIOException if it cannot be written
     */
    public static void draw(Path path, Drawing drawing) {
        try {
            try {
                drawing.write();
            } catch (IllegalArgumentException e) { // numbers that no axis can show
                Files.deleteIfExists(path);
                System.err.println("Cannot draw " + path + ": " + e.getMessage());
            } catch (LinkageError | InternalError e) { // as the font system fails
                Files.deleteIfExists(path); // begun before the first letter
                warn(path, e);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    private static void warn(Path path, Error e) {
        if (WARNED.compareAndSet(false, true)) {
            System.err.println(
                    "Cannot draw "
                            + path
                            + ", and goes on without pictures: "
                            + e
                            + ". On Linux, install fontconfig and a font");
        }
    }

    /**
     * Writes a chart as a PNG file.
     *
     * @param chart the chart
     * @param path the file; its name ends in .png
     * @throws UncheckedIOException if it cannot be written
     */
    public static void save(Chart<?, ?> chart, Path path) {
        Plot.save(path, 1, () -> List.of(chart));
    }

    /**
     * Writes charts of one size as one PNG file.
     *
     * @param charts row by row
     * @param rows how many rows
     * @param columns how many charts in each
     * @param path the file; its name ends in .png
     * @throws UncheckedIOException if it cannot be written
     */
    public static void save(List<? extends Chart<?, ?>> charts, int rows, int columns, Path path) {
        Plot.save(path, columns, () -> charts);
    }
}

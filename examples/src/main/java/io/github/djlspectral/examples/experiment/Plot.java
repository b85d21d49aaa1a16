package io.github.djlspectral.examples.experiment;

import static java.awt.BasicStroke.CAP_BUTT;
import static java.awt.BasicStroke.JOIN_ROUND;

import io.github.djlspectral.io.AtomicFiles;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Curves over numbers, as a PNG picture. What has one name has one colour and one line in the
 * legend, in all panels of a picture. Results are never lost because a machine cannot draw.
 */
public final class Plot {

    private static final float LINE = 1.6f;
    private static final float[] DASHES = {5, 5};
    private static final int PALE = 70;
    private static final int[] COLORS = {
        0x2455A4, 0xC0392B, 0x2E8B57, 0xD68910, 0x7D3C98, 0x17A2B8,
        0x555555, 0xA0522D, 0xE377C2, 0x9ACD32, 0x000080, 0xFF7F50
    };
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    static {
        // A cache on disk needs a shutdown hook, which a run that is asked to stop cannot add.
        ImageIO.setUseCache(false);
    }

    /** How a curve is drawn. Each x of steps begins a bin of a histogram, the last ends one. */
    public enum Style {
        LINE,
        DASHED,
        PALE,
        MARKED,
        POINTS,
        STEPS
    }

    private record Curve(String name, Style style, double[] x, double[] y) {}

    private final String title;
    private final String xAxis;
    private final String yAxis;
    private final List<Curve> curves = new ArrayList<>();
    private int width = 800;
    private int height = 460;
    private boolean logX;
    private boolean logY;
    private Double yMin;
    private Double yMax;

    /** Creates an empty picture. */
    public Plot(String title, String xAxis, String yAxis) {
        this.title = title;
        this.xAxis = xAxis;
        this.yAxis = yAxis;
    }

    /** Sets the size in pixels. */
    public Plot size(int width, int height) {
        this.width = width;
        this.height = height;
        return this;
    }

    /** Makes the horizontal axis logarithmic. */
    public Plot logX() {
        logX = true;
        return this;
    }

    /** Makes the vertical axis logarithmic. */
    public Plot logY() {
        logY = true;
        return this;
    }

    /** Sets the ends of the vertical axis; NaN: by the curves. */
    public Plot between(double least, double largest) {
        yMin = Double.isNaN(least) ? null : Double.valueOf(least);
        yMax = Double.isNaN(largest) ? null : Double.valueOf(largest);
        return this;
    }

    /** Adds a curve; points that its axes cannot show are left out. */
    public Plot add(String name, Style style, double[] x, double[] y) {
        int[] shown = IntStream.range(0, y.length).filter(i -> shows(x[i], y[i])).toArray();
        double[] shownX = Arrays.stream(shown).mapToDouble(i -> x[i]).toArray();
        double[] shownY = Arrays.stream(shown).mapToDouble(i -> y[i]).toArray();
        if (shown.length > 0) {
            curves.add(new Curve(name, style, shownX, shownY));
        }
        return this;
    }

    /** Adds a curve over 0, 1, .. or any other first number. */
    public Plot add(String name, Style style, int first, double[] y) {
        IntStream numbers = IntStream.range(first, first + y.length);
        return add(name, style, numbers.asDoubleStream().toArray(), y);
    }

    /** Adds a raw curve, pale, and its mean over a running twenty-fifth. */
    public Plot addSmoothed(String name, double[] x, double[] y) {
        int half = y.length / 50;
        if (half == 0) {
            return add(name, Style.LINE, x, y);
        }
        double[] means = new double[y.length];
        for (int i = 0; i < y.length; i++) {
            int end = Math.min(i + half + 1, y.length);
            means[i] = Arrays.stream(y, Math.max(0, i - half), end).average().orElseThrow();
        }
        return add(name, Style.PALE, x, y).add(name, Style.LINE, x, means);
    }

    /** Adds a bar from the least to the largest number at one place, as of several seeds. */
    public Plot addRange(String name, double x, double... y) {
        DoubleSummaryStatistics range = Arrays.stream(y).summaryStatistics();
        double[] ends = {range.getMin(), range.getMax()};
        boolean shown = shows(x, ends[0]) && shows(x, ends[1]);
        return shown ? add(name, Style.LINE, new double[] {x, x}, ends) : this;
    }

    private boolean shows(double x, double y) {
        return Double.isFinite(x) && Double.isFinite(y) && (!logX || x > 0) && (!logY || y > 0);
    }

    /** Tells whether there is nothing to draw. */
    public boolean isEmpty() {
        return curves.isEmpty();
    }

    /** Writes a PNG file, as {@link #draw} does. */
    public void save(Path path) {
        save(path, 1, List.of(this));
    }

    /** Writes several pictures as one file, so many in a row. Those without curves are left out. */
    public static void save(Path path, int columns, List<Plot> plots) {
        List<Plot> shown = plots.stream().filter(plot -> !plot.isEmpty()).toList();
        Map<String, Color> colors = new HashMap<>();
        for (Curve curve : shown.stream().flatMap(plot -> plot.curves.stream()).toList()) {
            int next = COLORS[colors.size() % COLORS.length];
            colors.putIfAbsent(curve.name(), new Color(next));
        }
        save(path, columns, () -> shown.stream().map(plot -> plot.chart(colors)).toList());
    }

    /** Writes charts of any kind, of one size, so many in a row; nothing if there is none. */
    public static void save(Path path, int columns, Supplier<List<? extends Chart<?, ?>>> charts) {
        draw(path, () -> png(charts.get(), columns));
    }

    private static byte[] png(List<? extends Chart<?, ?>> charts, int columns) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        if (!charts.isEmpty()) {
            int width = charts.get(0).getWidth();
            int height = charts.get(0).getHeight();
            int across = Math.min(columns, charts.size());
            int rows = (charts.size() + across - 1) / across;
            BufferedImage image =
                    new BufferedImage(width * across, height * rows, BufferedImage.TYPE_INT_RGB);
            Graphics2D graphics = image.createGraphics();
            graphics.setColor(Color.WHITE);
            graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
            for (int i = 0; i < charts.size(); i++) {
                charts.get(i).getStyler().setChartBackgroundColor(Color.WHITE);
                if (charts.get(i).getStyler() instanceof AxesChartStyler axes) {
                    axes.setLocale(Locale.ROOT); // numbers in every language
                }
                BufferedImage panel = BitmapEncoder.getBufferedImage(charts.get(i));
                graphics.drawImage(panel, i % across * width, i / across * height, null);
            }
            graphics.dispose();
            ImageIO.write(image, "png", bytes);
        }
        return bytes.toByteArray();
    }

    /** Returns the content of a picture's file; empty if there is nothing to draw. */
    @FunctionalInterface
    public interface Drawing {
        byte[] bytes() throws IOException;
    }

    /**
     * Writes a picture's file, where the machine can draw one. Java draws no letter on a machine
     * without fonts, and no axis for infinite numbers: then there is no file, and standard error
     * says so, for fonts once.
     *
     * @throws UncheckedIOException if it cannot be written
     */
    public static void draw(Path path, Drawing drawing) {
        try {
            byte[] bytes = drawing.bytes();
            if (bytes.length > 0) {
                ByteBuffer content = ByteBuffer.wrap(bytes);
                AtomicFiles.write(path, file -> AtomicFiles.writeFully(file, content));
            } else {
                Files.deleteIfExists(path);
            }
        } catch (IllegalArgumentException e) { // numbers that no axis can show
            System.err.println("Cannot draw " + path + ": " + e.getMessage());
        } catch (LinkageError | InternalError e) { // as the font system fails
            if (WARNED.compareAndSet(false, true)) {
                String message =
                        "Cannot draw %s, and goes on without pictures: %s. On Linux, install"
                                + " fontconfig and a font";
                System.err.println(Table.text(message, path, e));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    private XYChart chart(Map<String, Color> colors) {
        XYChart chart = new XYChart(width, height);
        chart.setTitle(title);
        chart.setXAxisTitle(xAxis);
        chart.setYAxisTitle(yAxis);
        XYStyler styler = chart.getStyler();
        styler.setLegendPosition(LegendPosition.OutsideE); // below, long ones are cut
        styler.setLegendBorderColor(Color.WHITE);
        styler.setMarkerSize(6);
        styler.setXAxisTickMarkSpacingHint(60);
        DoubleSummaryStatistics x = range(Curve::x);
        double span = x.getMax() - x.getMin();
        if (logX) {
            styler.setXAxisLogarithmic(true);
            double[] decades = decades(x);
            styler.setXAxisMin(decades[0]).setXAxisMax(decades[1]);
        } else if (span > 0) {
            // Ends that are no multiples: of equally spaced numbers XChart labels every nth,
            // be they round or not.
            styler.setXAxisMin(x.getMin() - span * 0.0137).setXAxisMax(x.getMax() + span * 0.0171);
        }
        if (logY) {
            double[] decades = decades(range(Curve::y));
            styler.setYAxisLogarithmic(true);
            styler.setYAxisMin(decades[0]).setYAxisMax(decades[1]);
        }
        styler.setYAxisMin(yMin == null ? styler.getYAxisMin() : yMin);
        styler.setYAxisMax(yMax == null ? styler.getYAxisMax() : yMax);
        Set<String> named = new HashSet<>();
        for (int i = 0; i < curves.size(); i++) {
            Curve curve = curves.get(i);
            boolean first = curve.style() != Style.PALE && named.add(curve.name());
            String unique = first ? curve.name() : curve.name() + " #" + i;
            XYSeries series = chart.addSeries(unique, curve.x(), curve.y());
            draw(series, curve.style(), colors.get(curve.name()));
            series.setShowInLegend(first);
        }
        return chart;
    }

    private DoubleSummaryStatistics range(Function<Curve, double[]> axis) {
        return curves.stream().map(axis).flatMapToDouble(Arrays::stream).summaryStatistics();
    }

    /** The powers of ten around: XChart labels nothing else, and there should be two. */
    private static double[] decades(DoubleSummaryStatistics range) {
        double low = Math.floor(Math.log10(range.getMin()));
        double high = Math.ceil(Math.log10(range.getMax()));
        return new double[] {Math.pow(10, low), Math.pow(10, Math.max(high, low + 1))};
    }

    private static void draw(XYSeries series, Style style, Color color) {
        Color translucent = new Color(color.getRed(), color.getGreen(), color.getBlue(), PALE);
        boolean marked = style == Style.MARKED || style == Style.POINTS;
        series.setMarker(marked ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
        series.setMarkerColor(color);
        series.setLineColor(style == Style.PALE ? translucent : color);
        series.setFillColor(translucent);
        series.setLineStyle(
                style == Style.DASHED
                        ? new BasicStroke(LINE, CAP_BUTT, JOIN_ROUND, 1, DASHES, 0)
                        : new BasicStroke(style == Style.PALE ? 1 : LINE));
        if (style == Style.POINTS) {
            series.setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        } else if (style == Style.STEPS) {
            series.setXYSeriesRenderStyle(XYSeriesRenderStyle.StepArea);
        }
    }
}

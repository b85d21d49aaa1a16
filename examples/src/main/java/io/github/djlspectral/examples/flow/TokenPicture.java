package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.torch.Host;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/**
 * The tokens of one path on the circle or the sphere, as a table, a row of snapshots, and an
 * animation. A token keeps the colour that its place at the beginning gives it. What is behind the
 * sphere is a small ring, what is in front a disc.
 */
final class TokenPicture {

    private static final int SNAPSHOTS = 4;
    private static final int SNAPSHOT_SIZE = 320;
    private static final int FRAMES = 100;
    private static final int FRAME_SIZE = 360;
    private static final String CENTISECONDS = "6";

    private static final double RADIUS_SHARE = 0.41;
    private static final double TITLE_SHARE = 0.07;
    private static final double DISC_SHARE = 0.019;
    private static final double RING_SHARE = 0.012;
    private static final int SEGMENTS = 90;
    private static final Color GLOBE = new Color(0xF4, 0xF4, 0xF4);
    private static final Color OUTLINE = new Color(0x99, 0x99, 0x99);
    private static final Color GRATICULE = new Color(0xDD, 0xDD, 0xDD);
    private static final Color EDGE = new Color(0x33, 0x33, 0x33);
    private static final double AZIMUTH = Math.toRadians(30);
    private static final double ELEVATION = Math.toRadians(20);

    /**
     * An orthographic view: the circle as it is, the sphere from the direction of azimuth 30
     * degrees and elevation 20 degrees, with the third axis upwards. All in [-1, 1]; depth is
     * towards the viewer, 0 on the circle.
     */
    record View(double right, double up, double depth) {

        /** Projects a point of the unit sphere of 2 or 3 dimensions. */
        static View of(double... point) {
            if (point.length == 2) {
                return new View(point[0], point[1], 0);
            }
            double sideways = point[1] * Math.cos(AZIMUTH) - point[0] * Math.sin(AZIMUTH);
            double forward = point[0] * Math.cos(AZIMUTH) + point[1] * Math.sin(AZIMUTH);
            return new View(
                    sideways,
                    point[2] * Math.cos(ELEVATION) - forward * Math.sin(ELEVATION),
                    forward * Math.cos(ELEVATION) + point[2] * Math.sin(ELEVATION));
        }

        /** Hue by the angle around the middle of the view, darker behind. */
        private Color color() {
            double hue = Math.atan2(up, right) / (2 * Math.PI);
            return Color.getHSBColor((float) hue, 0.85f, (float) (0.75 + 0.2 * depth));
        }
    }

    private final double[] times;
    private final double[] coordinates;
    private final int tokens;
    private final int dimension;

    TokenPicture(FlowRecord record) {
        times = record.time();
        coordinates = Host.read(record.tokens(), NDArray::toDoubleArray);
        Shape shape = record.tokens().getShape();
        tokens = (int) shape.get(1);
        dimension = (int) shape.get(2);
    }

    private double[] position(int record, int token) {
        int first = (record * tokens + token) * dimension;
        return Arrays.copyOfRange(coordinates, first, first + dimension);
    }

    /** Returns a row for each token of each record. */
    Table table() {
        List<String> columns = new ArrayList<>(List.of("time", "token"));
        IntStream.rangeClosed(1, dimension).forEach(k -> columns.add("x" + k));
        Table table = new Table(columns.toArray(String[]::new));
        for (int r = 0; r < times.length; r++) {
            for (int i = 0; i < tokens; i++) {
                List<Object> cells = new ArrayList<>(List.of(times[r], i));
                Arrays.stream(position(r, i)).forEach(cells::add);
                table.add(cells.toArray());
            }
        }
        return table;
    }

    /** Returns at most {@code count} records, evenly spaced, with the first and the last. */
    private int[] evenly(int count) {
        int last = times.length - 1; // there is a first and a last
        int chosen = Math.min(count, times.length);
        return IntStream.range(0, chosen)
                .map(i -> (int) Math.round((double) i * last / (chosen - 1)))
                .toArray();
    }

    /** Returns a PNG file of a few records, evenly spaced. */
    byte[] snapshots() throws IOException {
        int[] records = evenly(SNAPSHOTS);
        int width = records.length * SNAPSHOT_SIZE;
        BufferedImage image = new BufferedImage(width, SNAPSHOT_SIZE, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < records.length; i++) {
            int left = i * SNAPSHOT_SIZE;
            draw(image.getSubimage(left, 0, SNAPSHOT_SIZE, SNAPSHOT_SIZE), records[i]);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }

    /** Returns an endless GIF file of all records, or of evenly spaced ones if they are many. */
    byte[] animation() throws IOException {
        BufferedImage image =
                new BufferedImage(FRAME_SIZE, FRAME_SIZE, BufferedImage.TYPE_BYTE_INDEXED);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("gif").next();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
            writer.setOutput(stream);
            writer.prepareWriteSequence(null);
            for (int record : evenly(FRAMES)) {
                draw(image, record);
                writer.writeToSequence(new IIOImage(image, null, frame(writer, image)), null);
            }
            writer.endWriteSequence();
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    /** How a frame is shown: for how long, and that the first follows the last. */
    private static IIOMetadata frame(ImageWriter writer, BufferedImage image) throws IOException {
        IIOMetadata metadata = writer.getDefaultImageMetadata(new ImageTypeSpecifier(image), null);
        String format = metadata.getNativeMetadataFormatName();
        IIOMetadataNode root = new IIOMetadataNode(format);
        IIOMetadataNode control = new IIOMetadataNode("GraphicControlExtension");
        control.setAttribute("disposalMethod", "none");
        control.setAttribute("userInputFlag", "FALSE");
        control.setAttribute("transparentColorFlag", "FALSE");
        control.setAttribute("delayTime", CENTISECONDS);
        control.setAttribute("transparentColorIndex", "0");
        root.appendChild(control);
        IIOMetadataNode loop = new IIOMetadataNode("ApplicationExtension");
        loop.setAttribute("applicationID", "NETSCAPE");
        loop.setAttribute("authenticationCode", "2.0");
        loop.setUserObject(new byte[] {1, 0, 0}); // sub-block 1: repeat 0 times, which is for ever
        IIOMetadataNode extensions = new IIOMetadataNode("ApplicationExtensions");
        extensions.appendChild(loop);
        root.appendChild(extensions);
        metadata.mergeTree(format, root);
        return metadata;
    }

    /** Draws a record on a square. */
    private void draw(BufferedImage image, int record) {
        int size = image.getWidth();
        Graphics2D g = image.createGraphics();
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setColor(Color.WHITE);
        g.fillRect(0, 0, size, size);
        g.setColor(EDGE);
        g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, (int) Math.round(size * 0.045)));
        String title = Table.text("t = %.2f", times[record]);
        int width = g.getFontMetrics().stringWidth(title);
        g.drawString(title, (size - width) / 2, (int) (size * TITLE_SHARE));
        Ellipse2D outline = disc(size, new View(0, 0, 0), RADIUS_SHARE);
        if (dimension > 2) {
            g.setColor(GLOBE);
            g.fill(outline);
            drawTokens(g, size, record, false);
            drawGraticule(g, size);
        }
        g.setColor(OUTLINE);
        g.setStroke(new BasicStroke(1));
        g.draw(outline);
        drawTokens(g, size, record, true);
        g.dispose();
    }

    private void drawTokens(Graphics2D g, int size, int record, boolean front) {
        List<View> views =
                IntStream.range(0, tokens).mapToObj(i -> View.of(position(record, i))).toList();
        IntStream.range(0, tokens)
                .boxed()
                .filter(i -> views.get(i).depth >= 0 == front)
                .sorted(Comparator.comparingDouble(i -> views.get(i).depth))
                .forEach(i -> drawToken(g, size, views.get(i), View.of(position(0, i)).color()));
    }

    private static void drawToken(Graphics2D g, int size, View view, Color color) {
        Ellipse2D disc = disc(size, view, view.depth < 0 ? RING_SHARE : DISC_SHARE);
        g.setColor(color);
        g.setStroke(new BasicStroke(1.2f));
        if (view.depth >= 0) {
            g.fill(disc);
            g.setColor(EDGE);
            g.setStroke(new BasicStroke(0.6f));
        }
        g.draw(disc);
    }

    /** The front halves of the equator and of the meridians of the axes. */
    private static void drawGraticule(Graphics2D g, int size) {
        g.setColor(GRATICULE);
        g.setStroke(new BasicStroke(1));
        for (int axis = 0; axis < 3; axis++) {
            Path2D path = new Path2D.Double();
            boolean down = false;
            for (int i = 0; i <= SEGMENTS; i++) {
                double angle = 2 * Math.PI * i / SEGMENTS;
                double[] point = new double[3];
                point[axis] = Math.cos(angle);
                point[(axis + 1) % 3] = Math.sin(angle);
                View view = View.of(point);
                Ellipse2D at = disc(size, view, 0);
                if (!down && view.depth >= 0) {
                    path.moveTo(at.getX(), at.getY());
                } else if (down && view.depth >= 0) {
                    path.lineTo(at.getX(), at.getY());
                }
                down = view.depth >= 0;
            }
            g.draw(path);
        }
    }

    private static Ellipse2D disc(int size, View view, double share) {
        double x = size / 2.0 + size * RADIUS_SHARE * view.right;
        double y = size * (1 + TITLE_SHARE) / 2 - size * RADIUS_SHARE * view.up;
        double radius = size * share;
        return new Ellipse2D.Double(x - radius, y - radius, 2 * radius, 2 * radius);
    }
}

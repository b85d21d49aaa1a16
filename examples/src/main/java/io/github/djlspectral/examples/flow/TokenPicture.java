package io.github.djlspectral.examples.flow;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Draws the tokens of one path on the circle or the sphere. A token keeps the colour that its place
 * at the beginning gives it. What is behind the sphere is a small ring, what is in front a disc.
 */
final class TokenPicture {

    private static final double MARGIN = 0.09;
    private static final double TITLE_SHARE = 0.07;
    private static final double DISC_SHARE = 0.019;
    private static final double RING_SHARE = 0.012;
    private static final int SEGMENTS = 90;
    private static final Color GLOBE = new Color(0xF4, 0xF4, 0xF4);
    private static final Color OUTLINE = new Color(0x99, 0x99, 0x99);
    private static final Color GRATICULE = new Color(0xDD, 0xDD, 0xDD);
    private static final Color EDGE = new Color(0x33, 0x33, 0x33);

    private final TokenTrack track;
    private final int size;
    private final List<Color> colors;

    TokenPicture(TokenTrack track, int size) {
        this.track = track;
        this.size = size;
        colors = IntStream.range(0, track.tokens()).mapToObj(this::color).toList();
    }

    /** Hue by the angle around the middle of the view, darker behind. */
    private Color color(int token) {
        SphereView view = SphereView.of(track.position(0, token));
        double hue = Math.atan2(view.up(), view.right()) / (2 * Math.PI);
        double brightness = 0.75 + 0.2 * view.depth();
        return Color.getHSBColor((float) hue, 0.85f, (float) brightness);
    }

    /** Draws a record into a square of the picture. */
    void draw(Graphics2D g, int left, int top, int record) {
        g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        g.setColor(Color.WHITE);
        g.fillRect(left, top, size, size);
        g.setColor(EDGE);
        g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, (int) Math.round(size * 0.045)));
        String title = String.format(Locale.ROOT, "t = %.2f", track.time(record));
        int width = g.getFontMetrics().stringWidth(title);
        g.drawString(title, left + (size - width) / 2, top + (int) (size * TITLE_SHARE));
        boolean sphere = track.dimension() == 3;
        Ellipse2D outline = disc(left, top, new SphereView(0, 0, 0), radius());
        if (sphere) {
            g.setColor(GLOBE);
            g.fill(outline);
            drawTokens(g, left, top, record, false);
            drawGraticule(g, left, top);
        }
        g.setColor(OUTLINE);
        g.setStroke(new BasicStroke(1));
        g.draw(outline);
        drawTokens(g, left, top, record, true);
    }

    private void drawTokens(Graphics2D g, int left, int top, int record, boolean front) {
        IntStream.range(0, track.tokens())
                .boxed()
                .filter(i -> view(record, i).depth() >= 0 == front)
                .sorted(Comparator.comparingDouble(i -> view(record, i).depth()))
                .forEach(i -> drawToken(g, left, top, view(record, i), colors.get(i)));
    }

    private SphereView view(int record, int token) {
        return SphereView.of(track.position(record, token));
    }

    private void drawToken(Graphics2D g, int left, int top, SphereView view, Color color) {
        if (view.depth() < 0) {
            g.setColor(color);
            g.setStroke(new BasicStroke(1.2f));
            g.draw(disc(left, top, view, size * RING_SHARE));
        } else {
            Ellipse2D disc = disc(left, top, view, size * DISC_SHARE);
            g.setColor(color);
            g.fill(disc);
            g.setColor(EDGE);
            g.setStroke(new BasicStroke(0.6f));
            g.draw(disc);
        }
    }

    /** The front halves of the equator and of the meridians of the axes. */
    private void drawGraticule(Graphics2D g, int left, int top) {
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
                SphereView view = SphereView.of(point);
                boolean visible = view.depth() >= 0;
                if (visible && down) {
                    path.lineTo(x(left, view), y(top, view));
                } else if (visible) {
                    path.moveTo(x(left, view), y(top, view));
                }
                down = visible;
            }
            g.draw(path);
        }
    }

    private Ellipse2D disc(int left, int top, SphereView view, double radius) {
        return new Ellipse2D.Double(
                x(left, view) - radius, y(top, view) - radius, 2 * radius, 2 * radius);
    }

    private double x(int left, SphereView view) {
        return left + size / 2.0 + radius() * view.right();
    }

    private double y(int top, SphereView view) {
        return top + size * (1 + TITLE_SHARE) / 2 - radius() * view.up();
    }

    private double radius() {
        return size * (0.5 - MARGIN);
    }
}

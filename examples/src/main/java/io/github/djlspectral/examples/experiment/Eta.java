package io.github.djlspectral.examples.experiment;

import java.time.Duration;

/** Estimates the time that is left from the time that work of this process took. */
public final class Eta {

    private static final double NANO = 1e-9;

    private double total;
    private final long begin = System.nanoTime();
    private double done;
    private long lastLine = begin;

    /** Begins to count what is to do, in any unit; what is done already does not count. */
    public Eta(double total) {
        this.total = total;
    }

    /** Notes that so much more is done. */
    public void add(double work) {
        done += work;
    }

    /** Notes that so much need not be done, as it was before. */
    public void skip(double work) {
        total -= work;
    }

    /** Notes that one more part is done. Returns such as "[3/8] ETA 1:05 min". */
    public String tick() {
        add(1);
        return Table.text("[%.0f/%.0f] ETA %s", done, total, left());
    }

    /** Returns such as "12:05 min" or "1:02 h" for what is left, rounded to seconds. */
    public String left() {
        double seconds = seconds() / done * Math.max(0, total - done);
        Duration left = Duration.ofSeconds(Double.isFinite(seconds) ? Math.round(seconds) : 0);
        return left.toHours() > 0
                ? Table.text("%d:%02d h", left.toHours(), left.toMinutesPart())
                : Table.text("%d:%02d min", left.toMinutes(), left.toSecondsPart());
    }

    /** Returns the share that is done, in percent. */
    public double percent() {
        return 100 * Math.min(1, done / total);
    }

    /** Returns the time since the beginning. */
    public double seconds() {
        return (System.nanoTime() - begin) * NANO;
    }

    /** Tells whether a line is due: none was for so many seconds. Then it counts as written. */
    public boolean due(double secondsBetween) {
        long now = System.nanoTime();
        boolean due = (now - lastLine) * NANO >= secondsBetween;
        lastLine = due ? now : lastLine;
        return due;
    }
}

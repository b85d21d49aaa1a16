package io.github.djlspectral.examples.flow;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;

/** Tells at most every few seconds how much of the work is done and when the rest will be. */
final class FlowProgress {

    private static final double NANO = 1e-9;
    private static final double PERCENT = 100;

    private final PrintStream out;
    private final double total;
    private final double secondsBetween;
    private final long begin = System.nanoTime();
    private long last = begin;
    private double done;

    /**
     * Begins to tell.
     *
     * @param total all work, in any unit
     * @param secondsBetween the least time between two lines
     */
    FlowProgress(PrintStream out, double total, double secondsBetween) {
        this.out = out;
        this.total = total;
        this.secondsBetween = secondsBetween;
    }

    /** Adds work that was done. */
    void add(double work) {
        done += work;
        long now = System.nanoTime();
        if ((now - last) * NANO >= secondsBetween) {
            last = now;
            double seconds = (now - begin) * NANO / done * Math.max(0, total - done);
            Duration left = Duration.ofSeconds(Math.round(seconds));
            out.printf(
                    Locale.ROOT,
                    "%.0f%% done, ETA %d:%02d:%02d%n",
                    PERCENT * Math.min(1, done / total),
                    left.toHours(),
                    left.toMinutesPart(),
                    left.toSecondsPart());
        }
    }

    /** Prints a line. */
    void line(String text) {
        out.println(text);
    }
}

package io.github.djlspectral.examples.report;

import java.time.Duration;
import java.util.Locale;

/** Estimates the time that is left from the time that went into parts of equal size. */
public final class Countdown {

    private final int parts;
    private final long begin = System.nanoTime();
    private int done;

    /**
     * Begins to count.
     *
     * @param parts how many there are to do
     */
    public Countdown(int parts) {
        this.parts = parts;
    }

    /**
     * Notes that one more part is done.
     *
     * @return how many are, and when the rest may be
     */
    public String tick() {
        done++;
        long left = (System.nanoTime() - begin) / done * (parts - done);
        Duration duration = Duration.ofNanos(left);
        return String.format(
                Locale.ROOT,
                "[%d/%d] ETA %d:%02d min",
                done,
                parts,
                duration.toMinutes(),
                duration.toSecondsPart());
    }
}

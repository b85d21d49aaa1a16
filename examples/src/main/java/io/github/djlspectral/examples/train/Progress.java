package io.github.djlspectral.examples.train;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Tells how a run goes: lines of text, and a bar below them on a terminal. */
final class Progress implements AutoCloseable {

    private static final double SECONDS_BETWEEN_LINES = 10;
    private static final double NANO = 1e-9;
    private static final double PERCENT = 100;
    private static final String CLEAR_LINE = "\r\033[K";

    private final PrintStream out;
    private final int firstStep;
    private final int lastStep;
    private final double flopsPerToken;
    private final double machineRate;
    private final ProgressBar bar;
    private final long begin = System.nanoTime();
    private long lastLine = begin;

    /**
     * Begins to tell.
     *
     * @param stepsDone the steps done by earlier processes
     * @param steps the steps of the run in all
     * @param flopsPerToken operations to train on one token
     * @param machineRate matrix-product operations per second that the device can do
     */
    Progress(PrintStream out, int stepsDone, int steps, double flopsPerToken, double machineRate) {
        this.out = out;
        this.firstStep = stepsDone;
        this.lastStep = steps;
        this.flopsPerToken = flopsPerToken;
        this.machineRate = machineRate;
        this.bar =
                System.console() == null
                        ? null
                        : new ProgressBarBuilder()
                                .setTaskName("train")
                                .setInitialMax(steps)
                                .startsFrom(stepsDone, Duration.ZERO)
                                .setStyle(ProgressBarStyle.ASCII)
                                // the plain one: the default moves the cursor, so that lines
                                // printed between would be overwritten
                                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                                .build();
    }

    /** Reports a step. */
    void report(MetricsRow row) {
        long now = System.nanoTime();
        boolean due = (now - lastLine) * NANO >= SECONDS_BETWEEN_LINES;
        if (row.evaluated() || bar == null && due) {
            line(describe(row, (now - begin) * NANO));
            lastLine = now;
        }
        if (bar != null) {
            bar.stepTo(row.step());
            bar.setExtraMessage(String.format(Locale.ROOT, " loss %.3f", row.trainLoss()));
        }
    }

    /** Prints a line above the bar. */
    void line(String text) {
        out.println(bar == null ? text : CLEAR_LINE + text);
    }

    private String describe(MetricsRow row, double seconds) {
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "step %d/%d", row.step(), lastStep));
        if (row.step() > 0) {
            text.append(String.format(Locale.ROOT, "  train %.4f", row.trainLoss()));
        }
        if (row.evaluated()) {
            text.append(String.format(Locale.ROOT, "  validation %.4f", row.validationLoss()));
        }
        if (row.step() > 0) {
            double share = row.tokensPerSecond() * flopsPerToken / machineRate;
            text.append(
                    String.format(
                            Locale.ROOT,
                            "  %,.0f tokens/s, %.0f%% of the matrix-product rate",
                            row.tokensPerSecond(),
                            share * PERCENT));
        }
        if (row.step() > firstStep && row.step() < lastStep) {
            double left = seconds / (row.step() - firstStep) * (lastStep - row.step());
            text.append("  ETA ").append(clock(Math.round(left)));
        }
        return text.toString();
    }

    private static String clock(long seconds) {
        Duration duration = Duration.ofSeconds(seconds);
        return duration.toHours() > 0
                ? String.format(
                        Locale.ROOT, "%d:%02d h", duration.toHours(), duration.toMinutesPart())
                : String.format(
                        Locale.ROOT, "%d:%02d min", duration.toMinutes(), duration.toSecondsPart());
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}

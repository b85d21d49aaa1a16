package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import java.io.PrintStream;

/**
 * Tells how a run goes, in lines of plain text: after each validation, and every ten seconds.
 * Speeds are means over the steps since the line before, without the time for anything else.
 */
final class Progress {

    private static final double SECONDS_BETWEEN_LINES = 10;
    private static final double MILLIS = 1000;

    private final PrintStream out;
    private final int lastStep;
    private final Eta eta;
    private double seconds;
    private int steps;

    /**
     * Begins to tell.
     *
     * @param stepsDone the steps done by earlier processes
     * @param lastStep the steps of the run in all
     */
    Progress(PrintStream out, int stepsDone, int lastStep) {
        this.out = out;
        this.lastStep = lastStep;
        eta = new Eta(lastStep - stepsDone);
    }

    /** Reports a step that took so many seconds. */
    void report(Metrics.Row row, double stepSeconds) {
        if (row.step() > 0) {
            eta.add(1);
            seconds += stepSeconds;
            steps++;
        }
        if (eta.due(SECONDS_BETWEEN_LINES) | row.evaluated()) {
            line(describe(row));
            seconds = 0;
            steps = 0;
        }
    }

    void line(String text) {
        out.println(text);
    }

    private String describe(Metrics.Row row) {
        String text = "step " + row.step() + "/" + lastStep;
        if (row.step() > 0) {
            text += Table.text("  train %.4f", row.trainLoss());
        }
        if (row.evaluated()) {
            text += Table.text("  validation %.4f", row.validationLoss());
        }
        if (row.step() > 0) {
            double tokensPerStep = (double) row.tokens() / row.step();
            text +=
                    Table.text(
                            "  lr %.3g  gradient %.3g  %.1f ms/step  %,.0f tokens/s",
                            row.learningRate(),
                            row.gradientNorm(),
                            seconds / steps * MILLIS,
                            tokensPerStep * steps / seconds);
        }
        return row.step() > 0 && row.step() < lastStep ? text + "  ETA " + eta.left() : text;
    }
}

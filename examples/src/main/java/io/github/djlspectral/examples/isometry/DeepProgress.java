package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.experiment.Eta;
import java.io.PrintStream;
import java.util.Locale;

/** Tells how an experiment goes: a line for each epoch, and some in between where they are long. */
final class DeepProgress {

    private static final double PERCENT = 100;
    private static final double SECONDS_BETWEEN_LINES = 10;
    private static final double NANO = 1e-9;

    private final Eta countdown;
    private final int epochs;
    private final int batch;
    private final PrintStream out;
    private long lastLine = System.nanoTime();
    private int stepsSinceLine;

    /**
     * Begins to tell.
     *
     * @param runs how many there are to do
     * @param settings of all of them
     */
    DeepProgress(int runs, IsometrySettings settings, PrintStream out) {
        this.countdown = new Eta(runs * settings.epochs());
        this.epochs = settings.epochs();
        this.batch = settings.batch();
        this.out = out;
    }

    /** Notes a step, and says so from time to time. */
    void step(DeepRun run, int epoch, int index, int steps, double loss) {
        stepsSinceLine++;
        double seconds = (System.nanoTime() - lastLine) * NANO;
        if (seconds >= SECONDS_BETWEEN_LINES) {
            out.printf(
                    Locale.ROOT,
                    "%s, epoch %d/%d, step %d/%d: train %.4f, %.0f images/s%n",
                    run,
                    epoch,
                    epochs,
                    index + 1,
                    steps,
                    loss,
                    stepsSinceLine * batch / seconds);
            restart();
        }
    }

    /** Tells of an epoch. */
    void epoch(DeepRun run, DeepOutcome.Epoch epoch) {
        out.printf(
                Locale.ROOT,
                "%s, epoch %d/%d: train %.4f, test %.4f, %.2f%%; %s%n",
                run,
                epoch.number(),
                epochs,
                epoch.trainLoss(),
                epoch.testLoss(),
                PERCENT * epoch.testAccuracy(),
                countdown.tick());
        restart();
    }

    /** Tells that a run cannot go on; its other epochs are done with. */
    void diverged(DeepRun run, String why, int epochsDone) {
        String state = "";
        for (int i = epochsDone; i < epochs; i++) {
            state = countdown.tick();
        }
        out.println(run + ", " + why + "; " + state);
        restart();
    }

    /** Tells anything else. */
    void line(String text) {
        out.println(text);
    }

    private void restart() {
        lastLine = System.nanoTime();
        stepsSinceLine = 0;
    }
}

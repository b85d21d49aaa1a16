package io.github.djlspectral.examples.data;

import java.io.PrintStream;
import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Shows how much of a file has arrived. */
final class DownloadBar implements AutoCloseable {

    private static final long MEBIBYTE = 1 << 20;
    private static final int UPDATE_MILLIS = 500;

    private final ProgressBar bar;

    /**
     * Shows the bar.
     *
     * @param have bytes that were here before
     * @param rest bytes to come, -1 if unknown
     */
    DownloadBar(String name, long have, long rest, PrintStream out) {
        bar =
                new ProgressBarBuilder()
                        .setTaskName(name)
                        .setInitialMax(rest < 0 ? -1 : have + rest)
                        .setUnit(" MiB", MEBIBYTE)
                        .setUpdateIntervalMillis(UPDATE_MILLIS)
                        .setConsumer(new ConsoleProgressBarConsumer(out))
                        .showSpeed()
                        .startsFrom(have, Duration.ZERO)
                        .build();
    }

    void add(long bytes) {
        bar.stepBy(bytes);
    }

    @Override
    public void close() {
        bar.close();
    }
}

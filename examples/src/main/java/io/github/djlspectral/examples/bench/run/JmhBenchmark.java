package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import io.github.djlspectral.text.BadInputException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * A JMH benchmark with its parameters.
 *
 * @param key what it measures
 * @param against the contenders to compare with
 * @param method its qualified name
 * @param parameters JMH's, by name
 * @param settings how to run it
 */
record JmhBenchmark(
        Key key,
        List<String> against,
        String method,
        Map<String, String> parameters,
        JmhSettings settings)
        implements Contestant {

    private static final String PEAK_MEMORY = "peakMemory";
    private static final String BASE_MEMORY = "baseMemory";
    private static final String POLAR_ERROR = "polarError";
    private static final String PREDICTED_MEMORY = "predictedMemory";

    @Override
    public Round measure(int round) {
        OptionsBuilder options = new OptionsBuilder();
        options.include("^" + Pattern.quote(method) + "$");
        parameters.forEach(options::param);
        try {
            return round(round, settings.run(options));
        } catch (RunnerException e) {
            if (e.getMessage().contains("JMH lock")) {
                throw new BadInputException(
                        "Another JMH measures on this machine: wait for it, then add --resume", e);
            }
            return Round.failed(round, reason(e));
        }
    }

    /** Turns what JMH found into a round, each iteration by its score. */
    static Round round(int number, RunResult found) {
        Collection<IterationResult> iterations =
                found.getBenchmarkResults().stream()
                        .flatMap(fork -> fork.getIterationResults().stream())
                        .toList();
        TimeUnit unit = found.getParams().getTimeUnit();
        List<Double> seconds = new ArrayList<>();
        for (IterationResult iteration : iterations) {
            seconds.add(iteration.getPrimaryResult().getScore() / unitsPerSecond(unit));
        }
        return new Round(
                number,
                List.copyOf(seconds),
                largest(iterations, PEAK_MEMORY),
                largest(iterations, BASE_MEMORY),
                largest(iterations, PREDICTED_MEMORY),
                largest(iterations, POLAR_ERROR),
                null);
    }

    private static double unitsPerSecond(TimeUnit unit) {
        return (double) TimeUnit.SECONDS.toNanos(1) / unit.toNanos(1);
    }

    /** Returns the largest of a secondary result; 0 if there is none. */
    private static double largest(Collection<IterationResult> iterations, String label) {
        return iterations.stream()
                .map(iteration -> iteration.getSecondaryResults().get(label))
                .filter(result -> result != null)
                .mapToDouble(result -> result.getScore())
                .max()
                .orElse(0);
    }

    /** The first line of the cause that is deepest: JMH wraps it. */
    private static String reason(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null || cause.getSuppressed().length > 0) {
            cause = cause.getCause() != null ? cause.getCause() : cause.getSuppressed()[0];
        }
        return cause.toString().lines().findFirst().orElse("").strip();
    }
}

package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.MemoryProfiler;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * How to run JMH.
 *
 * @param quick whether two short iterations after one to warm up must do
 * @param jvmArguments of the measured process, after those of this one
 * @param log gets what JMH and the measured processes print
 */
record JmhSettings(boolean quick, List<String> jvmArguments, PrintStream log) {

    private static final int QUICK_ITERATIONS = 2;
    private static final int QUICK_MILLISECONDS = 500;

    /**
     * Measures in one new process.
     *
     * @param options which benchmark
     * @throws RunnerException if it fails
     */
    RunResult run(OptionsBuilder options) throws RunnerException {
        List<String> arguments = new ArrayList<>(jvmArguments);
        arguments.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
        ChainedOptionsBuilder builder =
                options.forks(1)
                        .warmupForks(0)
                        .shouldFailOnError(true)
                        .addProfiler(MemoryProfiler.class)
                        .jvmArgsPrepend(arguments.toArray(String[]::new));
        if (quick) {
            builder.warmupIterations(1)
                    .warmupTime(TimeValue.milliseconds(QUICK_MILLISECONDS))
                    .measurementIterations(QUICK_ITERATIONS)
                    .measurementTime(TimeValue.milliseconds(QUICK_MILLISECONDS));
        }
        return new Runner(
                        builder.build(),
                        OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL))
                .runSingle();
    }
}

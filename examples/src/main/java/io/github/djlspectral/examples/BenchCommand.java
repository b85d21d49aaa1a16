package io.github.djlspectral.examples;

import io.github.djlspectral.examples.data.BadInputException;
import java.nio.file.Path;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs the JMH benchmarks. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures optimizer steps and GPT-2 against their alternatives, with JMH.")
final class BenchCommand implements Runnable {

    @Option(
            names = "--only",
            paramLabel = "REGEX",
            defaultValue = ".*",
            description =
                    "Benchmarks to run, by a part of their name: OptimizerStep, FreonRoute,"
                            + " Gpt2Layer, Gpt2Step, Generation")
    private String only;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            defaultValue = "benchmarks.json",
            description = "Where to write JMH's results (default: ${DEFAULT-VALUE})")
    private Path out;

    @Override
    public void run() {
        var options =
                new OptionsBuilder()
                        .include("examples\\.bench\\..*" + only)
                        .resultFormat(ResultFormatType.JSON)
                        .result(out.toString())
                        .jvmArgsAppend("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
                        .build();
        try {
            new Runner(options).run();
        } catch (RunnerException e) {
            throw new BadInputException(
                    "Nothing was measured for --only " + only + " (" + e + ")", e);
        }
    }
}

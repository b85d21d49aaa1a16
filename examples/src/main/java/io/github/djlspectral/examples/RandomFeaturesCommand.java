package io.github.djlspectral.examples;

import io.github.djlspectral.examples.features.FeatureExperiment;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "random-features",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Compares optimizers with exact line search on linear regression with random features:",
            "the loss, and the best step size over steps. What is finished is not run again."
        })
final class RandomFeaturesCommand implements Runnable {

    @Option(names = "--steps", description = "Updates of each optimizer. Default: 200; quick: 60.")
    private Integer steps;

    @Option(names = "--rows", description = "Outputs of the regression. Default: 64; quick: 16.")
    private Integer rows;

    @Option(names = "--columns", description = "Features. Default: 128; quick: 32.")
    private Integer columns;

    @Option(
            names = "--batch",
            description = "Samples of a gradient; 0: the full gradient. Default: 256; quick: 64.")
    private Integer batch;

    @Option(
            names = "--condition",
            defaultValue = "1000",
            description = "Largest to smallest variance of a feature. Default: ${DEFAULT-VALUE}.")
    private double condition;

    @Option(names = "--seeds", description = "Number of seeds. Default: 3; quick: 2.")
    private Integer seeds;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            defaultValue = "runs/random-features",
            description = "Where results are written. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Option(names = "--quick", description = "Small numbers for all that is not given.")
    private boolean quick;

    @Override
    public void run() {
        new FeatureExperiment(
                        choose(rows, 16, 64),
                        choose(columns, 32, 128),
                        choose(batch, 64, 256),
                        condition,
                        choose(steps, 60, 200),
                        choose(seeds, 2, 3),
                        out)
                .run(System.out);
    }

    private int choose(Integer given, int small, int full) {
        if (given != null) {
            return given;
        }
        return quick ? small : full;
    }
}

package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.examples.gpt.TrainingOptions.atLeast;
import static io.github.djlspectral.examples.gpt.TrainingOptions.require;
import static java.util.Objects.requireNonNullElse;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.spark.OuterStep;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** Where and how a run goes beyond one machine; nothing is given if it does not. */
public final class SparkOptions {

    /** What every master's name that Spark knows begins with. */
    private static final String MASTERS = "(local($|\\[)|local-cluster\\[|spark://|yarn$|k8s://).*";

    @Option(
            names = "--spark",
            paramLabel = "<master>",
            description = "Train on Spark: local-cluster[2,1,2048], spark://host:7077, yarn, ...")
    String master;

    @Option(names = "--workers", description = "With --spark: how many train. Default: 1.")
    Integer workers;

    @Option(names = "--inner-steps", description = "Their steps between exchanges. Default: 30.")
    Integer innerSteps;

    @Option(names = "--outer-lr", description = "Rate of the outer step. Default: 0.7.")
    Double outerLr;

    @Option(names = "--outer-momentum", description = "Its Nesterov momentum. Default: 0.9.")
    Double outerMomentum;

    @Option(
            names = "--checkpoint-dir",
            paramLabel = "<path>",
            description = "Of the workers, where all reach it: hdfs://..; default: in --out.")
    String checkpointDir;

    boolean on() {
        return master != null;
    }

    int workers() {
        return requireNonNullElse(workers, 1);
    }

    int innerSteps() {
        return requireNonNullElse(innerSteps, 30);
    }

    OuterStep outer() {
        return new OuterStep(
                requireNonNullElse(outerLr, 0.7), requireNonNullElse(outerMomentum, 0.9));
    }

    void requireLegal(TrainingOptions options) {
        Map<String, Object> others = new LinkedHashMap<>();
        others.put("--workers", workers);
        others.put("--inner-steps", innerSteps);
        others.put("--outer-lr", outerLr);
        others.put("--outer-momentum", outerMomentum);
        others.put("--checkpoint-dir", checkpointDir);
        boolean known = on() || options.resume; // resumed, they are compared with the run's
        others.forEach((o, v) -> require(known || v == null, o, v, "left out without --spark"));
        if (!on()) {
            return;
        }
        requireUsable(master);
        atLeast(1, "--workers", workers());
        atLeast(1, "--inner-steps", innerSteps());
        try {
            outer();
        } catch (IllegalArgumentException e) {
            throw new BadInputException("--outer-lr, --outer-momentum: " + e.getMessage(), e);
        }
        String alone = "left out with --spark";
        require(options.skipNonfinite == 0, "--skip-nonfinite", options.skipNonfinite, alone);
        require(options.spectrumEvery == 0, "--spectrum-every", options.spectrumEvery, alone);
        boolean keeps = options.optimizer != OptimizerChoice.SGD;
        require(keeps, "--optimizer", options.optimizer, "one that is not sgd with --spark");
    }

    /** Fails unless {@code --spark} names a master and Spark's jars are there. */
    public static void requireUsable(String master) {
        String names = "one of local[n], local-cluster[n,cores,MiB], spark://.., yarn, k8s://..";
        require(master.matches(MASTERS), "--spark", master, names);
        CorpusLoader.requireSpark("--spark");
    }

    /** Makes a path without a file system's name hold in every working directory. */
    void makePathsAbsolute() {
        if (checkpointDir != null && !checkpointDir.contains("://")) {
            checkpointDir = Path.of(checkpointDir).toAbsolutePath().toUri().toString();
        }
    }
}

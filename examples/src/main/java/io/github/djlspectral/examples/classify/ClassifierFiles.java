package io.github.djlspectral.examples.classify;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/** The files of an experiment. Numbers are written as Java prints them: equal text, equal bits. */
final class ClassifierFiles {

    private static final String METRICS_HEADER =
            "mixer,learning_rate,seed,epoch,train_loss,test_loss,test_accuracy";
    private static final String ENERGY_HEADER =
            "seed,training,step,energy,slope,dissipation,weight_work,dissipated,residual";

    private final Path directory;
    private final List<String> metrics = new ArrayList<>(List.of(METRICS_HEADER));
    private final List<String> energy = new ArrayList<>(List.of(ENERGY_HEADER));

    /** Creates the directory. */
    ClassifierFiles(Path directory) {
        this.directory = directory;
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot create " + directory + " (" + e + ")", e);
        }
    }

    Path path(String name) {
        return directory.resolve(name);
    }

    /** Adds a run to the tables, which are written again. */
    void append(Outcome outcome) {
        for (Outcome.Epoch epoch : outcome.epochs()) {
            metrics.add(
                    outcome.mixer()
                            + ","
                            + outcome.rate()
                            + ","
                            + outcome.seed()
                            + ","
                            + epoch.number()
                            + ","
                            + cells(epoch.trainLoss(), epoch.testLoss(), epoch.testAccuracy()));
        }
        write("metrics.csv", metrics);
        if (outcome.before() != null) {
            addProfile(outcome.seed() + ",before,", outcome.before());
            addProfile(outcome.seed() + ",after,", outcome.after());
            write("energy.csv", energy);
        }
    }

    private void addProfile(String first, DepthProfile profile) {
        for (int step = 0; step < profile.energy().length; step++) {
            energy.add(
                    first
                            + step
                            + ","
                            + cells(
                                    profile.energy()[step],
                                    profile.slope()[step],
                                    profile.dissipation()[step],
                                    profile.weightWork()[step],
                                    profile.dissipated()[step],
                                    profile.residual()[step]));
        }
    }

    private static String cells(double... values) {
        return DoubleStream.of(values).mapToObj(Double::toString).collect(Collectors.joining(","));
    }

    void write(String name, List<String> lines) {
        try {
            Files.write(path(name), lines);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path(name) + " (" + e + ")", e);
        }
    }
}

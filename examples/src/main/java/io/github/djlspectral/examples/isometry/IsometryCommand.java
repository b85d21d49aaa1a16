package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.isometry.Parametrization;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that trains deep isometric networks. */
@Command(
        name = "isometry",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Trains deep networks whose layers keep the length of gradients exactly, and others to"
                    + " compare with, on MNIST or pictures.",
            "Runs that --out has already are not run again; several processes may share it."
        })
public final class IsometryCommand implements Runnable {

    private static final int DEPTH = 200;
    private static final int QUICK_DEPTH = 20;
    private static final int SEEDS = 3;
    private static final int EPOCHS = 15;

    @Option(
            names = "--data",
            paramLabel = "<dir>",
            description = {
                "A folder with MNIST's files; with only those for tests, four fifths of them train."
                        + " Or one with a folder of pictures for each class.",
                "Default: downloads MNIST."
            })
    private Path data;

    @Option(
            names = "--side",
            defaultValue = "28",
            description =
                    "Height and width that pictures are brought to. Default: ${DEFAULT-VALUE}.")
    private int side;

    @Option(
            names = "--quick",
            description = {
                "Some minutes instead of hours: four families, depth 20, one learning rate, one seed,"
                        + " two epochs, unless given."
            })
    private boolean quick;

    @Option(
            names = "--family",
            split = ",",
            description = "What layers to train: ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Family> families;

    @Option(names = "--depth", split = ",", description = "Numbers of layers. Default: 200.")
    private List<Integer> depths;

    @Option(
            names = "--width",
            defaultValue = "64",
            description = "Length of the vectors. Default: ${DEFAULT-VALUE}.")
    private int width;

    @Option(
            names = "--channels",
            defaultValue = "16",
            description = "Channels of the images between convolutions. Default: ${DEFAULT-VALUE}.")
    private int channels;

    @Option(
            names = "--parametrization",
            defaultValue = "retraction",
            description =
                    "How weights stay orthogonal: ${COMPLETION-CANDIDATES}. Default:"
                            + " ${DEFAULT-VALUE}.")
    private Parametrization parametrization;

    @Option(
            names = "--regularizer",
            defaultValue = "none",
            description = {
                "What is added to the loss: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.",
                "weight: |W W^T - I|^2; jacobian: (|J^T u| / |u| - 1)^2; gram: |J^T J v - v|^2;"
                        + " difference: (|F(x + s) - F(x)| / |s| - 1)^2."
            })
    private IsometrySettings.Regularizer regularizer;

    @Option(
            names = "--strength",
            description =
                    "Factor of the regularizer. Default: weight 0.1, jacobian 1, gram 0.01,"
                            + " difference 1.")
    private Double strength;

    @Option(
            names = "--optimizer",
            defaultValue = "adam",
            description = "One of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private IsometrySettings.Optimizer optimizer;

    @Option(
            names = "--lr",
            split = ",",
            description = {
                "Learning rates to try on held-out training images.",
                "Default: 0.0003,0.001,0.003; muon, freon: 0.003,0.01,0.03."
            })
    private List<Double> rates;

    @Option(
            names = "--adam-lr",
            defaultValue = "0.001",
            description =
                    "Learning rate of what Muon and Freon do not train. Default:"
                            + " ${DEFAULT-VALUE}.")
    private double adamRate;

    @Option(names = "--epochs", description = "Default: 15.")
    private Integer epochs;

    @Option(
            names = "--batch",
            defaultValue = "128",
            description = "Images per step. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--seeds", description = "Default: 3.")
    private Integer seeds;

    @Option(
            names = "--probe",
            description =
                    "Measures 8 networks of each family at each depth, untrained, and trains none.")
    private boolean probe;

    @Option(
            names = "--report-only",
            description = "Makes the table and the figures of the runs that --out has.")
    private boolean reportOnly;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            defaultValue = "runs/isometry",
            description = "Where results are written. Default: ${DEFAULT-VALUE}.")
    private Path out;

    /** Creates the command; picocli sets the options. */
    public IsometryCommand() {}

    @Override
    public void run() {
        setDefaults();
        IsometrySettings settings = settings();
        if (probe) {
            NetworkProbe networks = new NetworkProbe(families, depths, settings);
            networks.run(images(), out, System.out);
            return;
        }
        IsometryExperiment experiment =
                new IsometryExperiment(families, depths, rates, seeds, settings, out);
        if (!reportOnly) {
            ImageData images = images();
            System.out.println("isometry " + settings + " --seeds " + seeds);
            experiment.run(images, System.out);
        }
        report();
    }

    private void setDefaults() {
        if (families == null) {
            families = quick ? Family.QUICK : List.of(Family.values());
        }
        if (depths == null) {
            depths = List.of(quick ? QUICK_DEPTH : DEPTH);
        }
        if (rates == null) {
            rates = quick ? List.of(optimizer.rates.get(1)) : optimizer.rates;
        }
        if (seeds == null) {
            seeds = quick ? 1 : SEEDS;
        }
        if (epochs == null) {
            epochs = quick ? 2 : EPOCHS;
        }
    }

    private IsometrySettings settings() {
        return new IsometrySettings(
                width,
                channels,
                parametrization,
                regularizer,
                strength == null ? regularizer.strength() : strength,
                optimizer,
                adamRate,
                epochs,
                batch);
    }

    private ImageData images() {
        ImageData images =
                data == null
                        ? Mnist.download(CorpusLoader.defaultCacheDirectory(), System.err)
                        : ImageData.read(data, side);
        System.out.println(images.description());
        return images;
    }

    private void report() {
        IsometryReport report = IsometryReport.of(IsometryExperiment.outcomes(out));
        List<String> table = report.table().markdown();
        Table.write(out.resolve("table.md"), table);
        report.draw(out);
        table.forEach(System.out::println);
        System.out.println("Results are in " + out);
    }
}

package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.report.ResultFile;
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
            names = "--family",
            split = ",",
            description = "What layers to train: ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Family> families = List.of(Family.values());

    @Option(
            names = "--depth",
            split = ",",
            defaultValue = "200",
            description = "Numbers of layers. Default: ${DEFAULT-VALUE}.")
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
    private Regularizer regularizer;

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
    private DeepOptimizer optimizer;

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

    @Option(names = "--epochs", defaultValue = "10", description = "Default: ${DEFAULT-VALUE}.")
    private int epochs;

    @Option(
            names = "--batch",
            defaultValue = "128",
            description = "Images per step. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--seeds", defaultValue = "3", description = "Default: ${DEFAULT-VALUE}.")
    private int seeds;

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
        IsometrySettings settings = settings();
        if (probe) {
            NetworkProbe networks = new NetworkProbe(families, depths, settings);
            networks.run(images(), out, System.out);
            return;
        }
        IsometryExperiment experiment =
                new IsometryExperiment(
                        families,
                        depths,
                        rates == null ? optimizer.rates() : rates,
                        seeds,
                        settings);
        OutcomeFiles files = new OutcomeFiles(out);
        if (!reportOnly) {
            ImageData images = images();
            System.out.println("isometry " + settings + " --seeds " + seeds);
            experiment.run(images, files, System.out);
        }
        report(files.all());
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
                        ? ImageData.of(
                                Mnist.download(CorpusLoader.defaultCacheDirectory(), System.err))
                        : ImageData.read(data, side);
        System.out.println(images.description());
        return images;
    }

    private void report(List<DeepOutcome> outcomes) {
        List<OutcomeGroup> groups = OutcomeGroup.of(outcomes);
        List<String> table = new IsometryReport(groups).table();
        ResultFile.write(out.resolve("table.md"), table);
        new IsometryFigures(groups).write(out);
        table.forEach(System.out::println);
        System.out.println("Results are in " + out);
    }
}

package io.github.djlspectral.examples.classify;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.Mnist;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that classifies digits. */
@Command(
        name = "classify",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Classifies MNIST's digits with attention as a gradient flow and with ordinary attention",
            "of as many parameters: accuracy, and the energy along the depth of the flow."
        })
public final class ClassifyCommand implements Runnable {

    @Option(
            names = "--data",
            paramLabel = "<dir>",
            description = {
                "A folder with MNIST's files; with only those for tests, four fifths of them train.",
                "Default: downloads MNIST."
            })
    private Path data;

    @Option(
            names = "--optimizer",
            defaultValue = "muon",
            description = "One of ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    private ClassifierExperiment.Optimizer optimizer;

    @Option(
            names = "--lr",
            split = ",",
            description = {
                "Learning rates to try on held-out training images, the same for both models.",
                "Default: 0.01,0.02,0.05,0.1,0.2; adamw: 0.001,0.003,0.01."
            })
    private List<Double> rates;

    @Option(
            names = "--adamw-lr",
            defaultValue = "0.003",
            description = "Learning rate of what Muon does not train. Default: ${DEFAULT-VALUE}.")
    private double adamwRate;

    @Option(
            names = "--patch",
            defaultValue = "7",
            description = "Height and width of a token in pixels. Default: ${DEFAULT-VALUE}.")
    private int patch;

    @Option(
            names = "--width",
            defaultValue = "32",
            description = "Length of a token's vector. Default: ${DEFAULT-VALUE}.")
    private int width;

    @Option(
            names = "--depth",
            defaultValue = "4",
            description = "Steps of the flow, layers of attention. Default: ${DEFAULT-VALUE}.")
    private int depth;

    @Option(
            names = "--step-size",
            defaultValue = "2",
            description = "Time per step of the flow. Default: ${DEFAULT-VALUE}.")
    private double stepSize;

    @Option(names = "--epochs", defaultValue = "4", description = "Default: ${DEFAULT-VALUE}.")
    private int epochs;

    @Option(
            names = "--batch",
            defaultValue = "50",
            description = "Images per step. Default: ${DEFAULT-VALUE}.")
    private int batch;

    @Option(names = "--seeds", defaultValue = "3", description = "Default: ${DEFAULT-VALUE}.")
    private int seeds;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            defaultValue = "runs/classify",
            description = "Where results are written. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Override
    public void run() {
        ClassifierExperiment.Settings settings =
                new ClassifierExperiment.Settings(
                        patch, width, depth, stepSize, optimizer, adamwRate, epochs, batch);
        ClassifierExperiment experiment =
                new ClassifierExperiment(
                        settings, rates == null ? optimizer.rates : rates, seeds, out);
        ImageData images =
                data == null
                        ? Mnist.download(CorpusLoader.defaultCacheDirectory(), System.err)
                        : Mnist.read(data);
        experiment.run(images, System.out);
    }
}

package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.classify.ClassifierReport.Outcome;
import io.github.djlspectral.examples.classify.ClassifierReport.Profile;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.ImageTraining;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.ImageTraining.ImageOptimizer;
import io.github.djlspectral.examples.experiment.ImageTraining.Tuning;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command that classifies digits, by the same classifier with an attention flow and with
 * ordinary attention. Each first tries the same learning rates on the training images alone; the
 * best one then trains on all of them, with several seeds. The same settings give the same numbers.
 */
@Command(
        name = "classify",
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

    @Option(names = "--optimizer", description = "One of ${COMPLETION-CANDIDATES}. Default: muon.")
    private Optimizer optimizer = Optimizer.MUON;

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
            description = "Learning rate of what Muon does not train. Default: 0.003.")
    private double adamwRate = 0.003;

    @Option(names = "--patch", description = "Height and width of a token in pixels. Default: 7.")
    int patch = 7;

    @Option(names = "--width", description = "Length of a token's vector. Default: 32.")
    int width = 32;

    @Option(names = "--depth", description = "Steps of the flow, layers of attention. Default: 4.")
    int depth = 4;

    @Option(names = "--step-size", description = "Time per step of the flow. Default: 2.")
    double stepSize = 2;

    @Option(names = "--epochs", description = "Default: 4.")
    private int epochs = 4;

    @Option(names = "--batch", description = "Images per step. Default: 50.")
    private int batch = 50;

    @Option(names = "--seeds", description = "Default: 3.")
    private int seeds = 3;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where results are written. Default: runs/classify.")
    private Path out = Path.of("runs", "classify");

    /** Where progress and the table go. */
    PrintStream console = System.out;

    /** What trains the matrices between tokens; AdamW trains the rest. */
    private enum Optimizer {
        MUON(0.01, 0.02, 0.05, 0.1, 0.2),
        ADAMW(0.001, 0.003, 0.01);

        private final List<Double> rates; // to try if none are given

        Optimizer(Double... rates) {
            this.rates = List.of(rates);
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Override
    public void run() {
        prepare();
        ImageData images =
                data == null
                        ? Mnist.download(CorpusLoader.defaultCacheDirectory(), System.err)
                        : Mnist.read(data);
        console.println(images.description());
        print(
                "classify --patch %d --width %d --depth %d --step-size %s --optimizer %s"
                        + " --adamw-lr %s --epochs %d --batch %d --seeds %d",
                patch, width, depth, stepSize, optimizer, adamwRate, epochs, batch, seeds);
        int tried = rates.size() > 1 ? rates.size() : 0;
        Eta left = new Eta(Mixer.values().length * (tried + seeds) * epochs);
        List<Outcome> outcomes = new ArrayList<>();
        List<String> table = ClassifierReport.write(out, rates, outcomes);
        for (Mixer mixer : Mixer.values()) {
            double rate = bestRate(mixer, images.train(), left);
            for (int seed = 1; seed <= seeds; seed++) {
                outcomes.add(outcome(mixer, rate, seed, images.train(), images.test(), left));
                table = ClassifierReport.write(out, rates, outcomes);
            }
        }
        table.forEach(console::println);
        console.println("Results are in " + out);
    }

    /** Gives what is not given its value, and refuses what cannot be. */
    void prepare() {
        rates = rates == null ? optimizer.rates : rates;
        String patches = "--patch is %s, but must divide 28: 4, 7 or 14";
        BadInputException.unless(patch >= 1 && Mnist.SIDE % patch == 0, patches, patch);
        String widths = "--width is %s, but must be a positive multiple of 4";
        BadInputException.unless(width >= 1 && width % TokenClassifier.HEADS == 0, widths, width);
        OptionCheck.requirePositive("--depth", depth);
        OptionCheck.requirePositive("--step-size", stepSize);
        OptionCheck.requirePositive("--adamw-lr", adamwRate);
        OptionCheck.requirePositive("--epochs", epochs);
        OptionCheck.requirePositive("--batch", batch);
        OptionCheck.requirePositive("--seeds", seeds);
        BadInputException.unless(!rates.isEmpty(), "--lr is empty, but must have a learning rate");
        rates.forEach(rate -> OptionCheck.requirePositive("--lr", rate));
    }

    private void print(String format, Object... arguments) {
        console.println(Table.text(format, arguments));
    }

    double bestRate(Mixer mixer, ImageSet images, Eta left) {
        return Tuning.bestRate(
                rates,
                images,
                1,
                (rate, train, heldOut) -> {
                    try {
                        Outcome trial = outcome(mixer, rate, Tuning.SEED, train, heldOut, left);
                        return trial.last().testAccuracy();
                    } catch (TrainingDivergedException e) {
                        console.println(e.getMessage());
                        return 0;
                    }
                },
                rate -> mixer.label + ", learning rate " + rate,
                console);
    }

    private Outcome outcome(
            Mixer mixer, double rate, int seed, ImageSet train, ImageSet test, Eta left) {
        TokenClassifier classifier = new TokenClassifier(mixer, this);
        try (ImageTraining training = training(classifier, rate, seed, train)) {
            boolean profiled = mixer == Mixer.FLOW && seed != Tuning.SEED;
            List<Profile> profiles = new ArrayList<>();
            if (profiled) {
                profiles.add(Profile.of("before", classifier, test, training.manager()));
            }
            List<Epoch> done = new ArrayList<>();
            while (done.size() < epochs) {
                Epoch epoch = training.epoch(test, (step, loss) -> {});
                done.add(epoch);
                String line = "%s, rate %s, seed %d, epoch %d/%d: %s; %s";
                print(line, mixer.label, rate, seed, done.size(), epochs, epoch, left.tick());
            }
            if (profiled) {
                profiles.add(Profile.of("after", classifier, test, training.manager()));
            }
            return new Outcome(mixer, rate, seed, training.size(), done, profiles);
        } catch (TrainingDivergedException e) {
            throw new TrainingDivergedException(mixer.label + ", " + e.getMessage(), e);
        }
    }

    /** Initialises a classifier at random; the seed decides the order of the images, too. */
    ImageTraining training(TokenClassifier classifier, double rate, int seed, ImageSet train) {
        ImageSet.Batches batches = new ImageSet.Batches(train, batch, seed);
        int steps = epochs * batches.perEpoch();
        StatefulOptimizer stepper =
                new ImageOptimizer(rate, adamwRate, 0.01f, steps)
                        .named(optimizer.toString(), ParameterRouting.of(classifier));
        float maxNorm = 1;
        return new ImageTraining(classifier, Mnist.SIDE, batches, stepper, maxNorm, seed);
    }
}

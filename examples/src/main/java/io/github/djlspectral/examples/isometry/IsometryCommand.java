package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.ImageTraining.Tuning;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.isometry.DeepRun.Optimizer;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import io.github.djlspectral.examples.isometry.DeepRun.Regularizer;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command that trains deep isometric networks: every family at every depth with every seed.
 * Each first tries the learning rates on the training images alone, unless there is only one.
 * Finished runs are files, so that several processes may add some.
 */
@Command(
        name = "isometry",
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
            description = "Height and width that pictures are brought to. Default: 28.")
    private int side = 28;

    @Option(
            names = "--quick",
            description =
                    "Some minutes instead of hours: four families, depth 20, one learning rate, one"
                            + " seed, two epochs, unless given.")
    private boolean quick;

    @Option(
            names = "--family",
            split = ",",
            description = "What layers to train: ${COMPLETION-CANDIDATES}. Default: all.")
    List<Family> families;

    @Option(names = "--depth", split = ",", description = "Numbers of layers. Default: 200.")
    List<Integer> depths;

    @Option(names = "--width", description = "Length of the vectors. Default: 64.")
    int width = 64;

    @Option(
            names = "--channels",
            description = "Channels of the images between convolutions. Default: 16.")
    int channels = 16;

    @Option(
            names = "--parametrization",
            description =
                    "How weights stay orthogonal: ${COMPLETION-CANDIDATES}. Default: retraction.")
    Parametrization parametrization = Parametrization.RETRACTION;

    @Option(
            names = "--regularizer",
            description = {
                "What is added to the loss: ${COMPLETION-CANDIDATES}. Default: none.",
                "weight: |W W^T - I|^2; jacobian: (|J^T u| / |u| - 1)^2; gram: |J^T J v - v|^2;"
                        + " difference: (|F(x + s) - F(x)| / |s| - 1)^2."
            })
    private Regularizer regularizer = Regularizer.NONE;

    @Option(
            names = "--strength",
            description =
                    "Factor of the regularizer. Default: weight 0.1, jacobian 1, gram 0.01,"
                            + " difference 1.")
    private Double strength;

    @Option(names = "--optimizer", description = "One of ${COMPLETION-CANDIDATES}. Default: adam.")
    private Optimizer optimizer = Optimizer.ADAM;

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
            description = "Learning rate of what Muon and Freon do not train. Default: 0.001.")
    double adamRate = 0.001;

    @Option(names = "--epochs", description = "Default: 15.")
    Integer epochs;

    @Option(names = "--batch", description = "Images per step. Default: 128.")
    int batch = 128;

    @Option(names = "--seeds", description = "Default: 3.")
    private Integer seeds;

    @Option(
            names = "--probe",
            description =
                    "Measures 8 untrained networks of each family at each depth; trains none.")
    private boolean probe;

    @Option(
            names = "--report-only",
            description = "Makes the table and the figures of the runs that --out has.")
    private boolean reportOnly;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where results are written. Default: runs/isometry.")
    Path out = Path.of("runs", "isometry");

    /** Where progress and tables go. */
    PrintStream console = System.out;

    @Override
    public void run() {
        prepare();
        if (probe) {
            NetworkProbe.run(this, images());
            return;
        }
        if (!reportOnly) {
            train(images());
        }
        List<Outcome> outcomes = outcomes(null);
        BadInputException.unless(!outcomes.isEmpty(), "There is no finished run in %s", out);
        IsometryReport.of(outcomes).write(out).forEach(console::println);
        console.println("Results are in " + out);
    }

    private ImageData images() {
        ImageData images =
                data == null
                        ? Mnist.download(CorpusLoader.defaultCacheDirectory(), System.err)
                        : ImageData.read(data, side);
        console.println(images.description());
        return images;
    }

    /** Gives what is not given its value, and refuses what cannot be. */
    void prepare() {
        families = or(families, Family.QUICK, List.of(Family.values()));
        depths = or(depths, List.of(20), List.of(200));
        rates = or(rates, List.of(optimizer.rates.get(1)), optimizer.rates);
        seeds = or(seeds, 1, 3);
        epochs = or(epochs, 2, 15);
        strength = strength == null ? regularizer.strength : strength;
        requireEven("--width", width, 8);
        requireEven("--channels", channels, Family.LEAST_CHANNELS);
        if (regularizer != Regularizer.NONE) {
            OptionCheck.requirePositive("--strength", strength);
        } else {
            String alone = "--strength is %s, but there is no --regularizer";
            BadInputException.unless(strength == 0, alone, strength);
        }
        BadInputException.unless(
                regularizer != Regularizer.WEIGHT || parametrization == Parametrization.INITIAL,
                "--regularizer is weight, but must be with --parametrization initial: any other"
                        + " keeps weights orthogonal by itself");
        OptionCheck.requirePositive("--adam-lr", adamRate);
        OptionCheck.requirePositive("--epochs", epochs);
        OptionCheck.requirePositive("--batch", batch);
        OptionCheck.requirePositive("--seeds", seeds);
        BadInputException.unless(!rates.isEmpty(), "--lr is empty, but must have a learning rate");
        for (int depth : depths) {
            for (Family family : families) {
                rates.forEach(rate -> run(family, depth, rate, 1).check());
            }
        }
    }

    void print(String format, Object... arguments) {
        console.println(Table.text(format, arguments));
    }

    private <T> T or(T given, T whenQuick, T otherwise) {
        return given != null ? given : quick ? whenQuick : otherwise;
    }

    private static void requireEven(String option, int value, int least) {
        String even = "%s is %s, but must be even and at least %s";
        BadInputException.unless(value >= least && value % 2 == 0, even, option, value, least);
    }

    /** Distances need two images; convolutional families make pixels of patches. */
    void requireUsable(ImageData images) {
        BadInputException.unless(
                images.test().size() >= 2,
                "There is only one image to test with, but networks are measured with two or more:"
                        + " give a folder of ten or more pictures with --data");
        for (Family family : families) {
            BadInputException.unless(
                    !family.isConvolutional() || images.side() % Family.PATCH == 0,
                    "Images are %s pixels high, but must have a multiple of %s for --family %s:"
                            + " choose another --side",
                    images.side(),
                    Family.PATCH,
                    family);
        }
    }

    DeepRun run(Family family, int depth, double rate, int seed) {
        return new DeepRun(
                family, depth, optimizer, parametrization, regularizer, strength, rate, seed);
    }

    /** Runs what is not done yet. */
    void train(ImageData images) {
        print(
                "isometry %s --optimizer %s --parametrization %s --regularizer %s --strength %s"
                        + " --seeds %s",
                common(), optimizer, parametrization, regularizer, strength, seeds);
        requireUsable(images);
        outcomes(of(images));
        int trials = rates.size() == 1 ? 0 : rates.size();
        Eta left = new Eta((double) depths.size() * families.size() * (trials + seeds) * epochs);
        for (int depth : depths) {
            for (Family family : families) {
                double rate =
                        Tuning.bestRate(
                                rates,
                                images.train(),
                                2,
                                (tried, train, heldOut) -> {
                                    int classes = images.classes();
                                    ImageData trial = new ImageData(train, heldOut, classes, "");
                                    DeepRun run = run(family, depth, tried, Tuning.SEED);
                                    return outcome(run, trial, left).percent() / 100;
                                },
                                tried -> run(family, depth, tried, Tuning.SEED).toString(),
                                console);
                for (int seed = 1; seed <= seeds; seed++) {
                    outcome(run(family, depth, rate, seed), images, left);
                }
            }
        }
    }

    /** Runs, or reads what was run. */
    private Outcome outcome(DeepRun run, ImageData images, Eta left) {
        String folder = run.seed() == Tuning.SEED ? "tuning" : "runs";
        Finished<Outcome> files = new Finished<>(out.resolve(folder), Outcome.class);
        Optional<Outcome> found = files.find(run.fileName(), of(images));
        if (found.isPresent()) {
            left.skip(epochs);
            return found.get();
        }
        Outcome outcome = run.train(this, images, left);
        files.write(run.fileName(), of(images), outcome);
        return outcome;
    }

    /** Settings that all runs in one table have, which has columns for the rest. */
    private String common() {
        String form = "--width %d --channels %d --adam-lr %s --epochs %d --batch %d";
        return Table.text(form, width, channels, adamRate, epochs, batch);
    }

    /** Tells what a result is of: settings, and images by a checksum. */
    private String of(ImageData data) {
        ImageSet train = data.train();
        ImageSet test = data.test();
        long checksum = train.checksum() << Integer.SIZE | test.checksum();
        return Table.text(
                "%s\nside=%s, classes=%s, train=%s, test=%s, checksum=%s",
                common(), data.side(), data.classes(), train.size(), test.size(), checksum);
    }

    /** All but those for tuning, in the order of their names; null: of whatever it is. */
    List<Outcome> outcomes(String of) {
        Path runs = out.resolve("runs");
        List<Outcome> outcomes = new Finished<>(runs, Outcome.class).all(of);
        BadInputException.unless(
                outcomes.stream().allMatch(Outcome::isWhole),
                "A file in %s is of an earlier version; delete it, or choose another --out",
                runs);
        return outcomes;
    }
}

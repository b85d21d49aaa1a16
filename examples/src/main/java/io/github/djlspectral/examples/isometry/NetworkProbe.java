package io.github.djlspectral.examples.isometry;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.layers.isometry.diagnostics.Shattering;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * Measures networks as they are before any training: whether gradients keep their length, and
 * whether the Jacobians of images that lie close together have anything in common.
 *
 * @param families what layers to measure
 * @param depths how many of them
 * @param settings the width of networks; how they would be trained does not matter
 */
record NetworkProbe(List<Family> families, List<Integer> depths, IsometrySettings settings) {

    /** How far beside an image to look, by its length. */
    static final List<Double> PERTURBATIONS = List.of(0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5);

    /** What the picture compares: folds of every rate, and a network that is known to train. */
    private static final Set<Family> SHOWN =
            EnumSet.of(
                    Family.RESIDUAL_FOLD_0,
                    Family.RESIDUAL_FOLD,
                    Family.RESIDUAL_FOLD_2,
                    Family.FEW_ROWS,
                    Family.RESIDUAL);

    private static final int NETWORKS = 8;
    private static final int IMAGES = 16;
    private static final int PRODUCTS = 4;

    /** Checks the depths. */
    NetworkProbe {
        for (Family family : families) {
            depths.forEach(depth -> new DeepRun(family, depth, settings, 1, 1));
        }
    }

    /** Writes {@code probe.csv}, {@code probe.md} and {@code probe.png}. */
    void run(ImageData data, Path directory, PrintStream out) {
        requireTwo(data.test());
        Eta countdown = new Eta(families.size() * depths.size());
        List<Result> results = new ArrayList<>();
        for (int depth : depths) {
            for (Family family : families) {
                results.add(measure(family, depth, data));
                out.println(family + ", depth " + depth + "; " + countdown.tick());
            }
        }
        Table.write(directory.resolve("probe.csv"), csv(results));
        List<String> table = table(results).markdown();
        Table.write(directory.resolve("probe.md"), table);
        plot(results).save(directory.resolve("probe.png"));
        table.forEach(out::println);
        out.println("Results are in " + directory);
    }

    /** Distances and their ratios need two images. */
    static void requireTwo(ImageSet test) {
        BadInputException.unless(
                test.size() >= 2,
                "There is only one image to test with, but networks are measured with two or more:"
                        + " give a folder of ten or more pictures with --data");
    }

    private Result measure(Family family, int depth, ImageData data) {
        List<Result.OfNetwork> networks = new ArrayList<>();
        for (int seed = 1; seed <= NETWORKS; seed++) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                networks.add(measure(new DeepRun(family, depth, settings, 1, seed), data, manager));
            }
        }
        return new Result(family, depth, networks);
    }

    private static Result.OfNetwork measure(DeepRun run, ImageData data, NDManager manager) {
        DeepNetwork network = run.network(data.side(), data.classes());
        Engine.getEngine("PyTorch").setRandomSeed(run.seed());
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 1, data.side(), data.side()));
        int count = Math.min(IMAGES, data.test().size());
        NDArray images = data.test().part(0, count).batch().images(manager);
        NDArray states = network.embed(new ParameterStore(manager, false), images, false);
        SequentialBlock layers = network.layers();
        double[] cosines = new double[PERTURBATIONS.size()];
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] =
                    Shattering.jacobianCosine(
                                    layers,
                                    manager,
                                    states,
                                    PERTURBATIONS.get(i),
                                    PRODUCTS,
                                    run.seed())
                            .mean();
        }
        List<LayerProfile> profiles = LayerProfile.of(layers, manager, states, run.seed());
        return new Result.OfNetwork(
                profiles.get(0).gradientRatio(),
                cosines,
                Shattering.distanceRatio(layers, manager, states).mean());
    }

    /** Least, median and largest of gradients, means of the rest. */
    private static Table table(List<Result> results) {
        Table table =
                new Table(
                        columns(
                                "cosine at ",
                                "distance ratio",
                                "layers",
                                "depth",
                                "gradient, least / median / largest"));
        for (Result result : results) {
            List<Object> cells = new ArrayList<>();
            cells.add(result.family().label());
            cells.add(result.depth());
            cells.add(
                    IsometryReport.number(result.leastGradient())
                            + " / "
                            + IsometryReport.number(result.medianGradient())
                            + " / "
                            + IsometryReport.number(result.largestGradient()));
            Arrays.stream(result.cosines()).mapToObj(IsometryReport::number).forEach(cells::add);
            cells.add(IsometryReport.number(result.distance()));
            table.add(cells.toArray());
        }
        return table;
    }

    /** A line for each network. */
    private static List<String> csv(List<Result> results) {
        Table table =
                new Table(
                        columns(
                                "cosine_",
                                "distance_ratio",
                                "family",
                                "depth",
                                "seed",
                                "gradient_least",
                                "gradient_median",
                                "gradient_largest"));
        for (Result result : results) {
            int seed = 0;
            for (Result.OfNetwork network : result.networks()) {
                seed++;
                Spread gradient = network.gradient();
                List<Object> cells =
                        new ArrayList<>(List.of(result.family(), result.depth(), seed));
                cells.addAll(List.of(gradient.min(), gradient.median(), gradient.max()));
                Arrays.stream(network.cosines()).forEach(cells::add);
                cells.add(network.distance());
                table.add(cells.toArray());
            }
        }
        return table.csv();
    }

    private static String[] columns(String cosine, String last, String... first) {
        List<String> columns = new ArrayList<>(List.of(first));
        PERTURBATIONS.forEach(p -> columns.add(cosine + p));
        columns.add(last);
        return columns.toArray(String[]::new);
    }

    private static Plot plot(List<Result> results) {
        Plot plot =
                new Plot(
                                "Jacobians of nearby images before training: fewer folds leave more"
                                        + " in common",
                                "distance from an image, by its length",
                                "cosine of the Jacobians")
                        .size(1100, 560)
                        .logX();
        double[] places = PERTURBATIONS.stream().mapToDouble(p -> p).toArray();
        List<Result> shown = results.stream().filter(r -> SHOWN.contains(r.family())).toList();
        boolean depths = shown.stream().map(Result::depth).distinct().count() > 1;
        for (Result result : shown) {
            String name = result.family().label();
            plot.add(
                    depths ? name + ", depth " + result.depth() : name,
                    Plot.Style.MARKED,
                    places,
                    result.cosines());
        }
        return plot;
    }

    /**
     * What was found of some untrained networks.
     *
     * @param family what their layers are
     * @param depth how many there are
     * @param networks one entry for each
     */
    record Result(Family family, int depth, List<OfNetwork> networks) {

        /**
         * What was found of one network.
         *
         * @param gradient {@code |J^T g| / |g|} of all its layers, over images
         * @param cosines between Jacobians, for each of {@link NetworkProbe#PERTURBATIONS}, means
         * @param distance the ratio of distances between images after and before, mean
         */
        record OfNetwork(Spread gradient, double[] cosines, double distance) {}

        double leastGradient() {
            return numbers(network -> network.gradient().min())[0];
        }

        /** The median over networks of medians over images. */
        double medianGradient() {
            double[] medians = numbers(network -> network.gradient().median());
            int n = medians.length;
            return (medians[(n - 1) / 2] + medians[n / 2]) / 2;
        }

        double largestGradient() {
            return numbers(network -> network.gradient().max())[networks.size() - 1];
        }

        /** The mean over networks, for each perturbation. */
        double[] cosines() {
            return Stats.mean(networks.stream().map(OfNetwork::cosines).toList());
        }

        double distance() {
            return Arrays.stream(numbers(OfNetwork::distance)).average().orElseThrow();
        }

        private double[] numbers(ToDoubleFunction<OfNetwork> number) {
            return networks.stream().mapToDouble(number).sorted().toArray();
        }
    }
}

package io.github.djlspectral.examples.isometry;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.isometry.Fold;
import io.github.djlspectral.layers.isometry.KernelLayer;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryMeasurement;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryProbe;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.layers.isometry.diagnostics.Shattering;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/**
 * Measures networks: whether gradients keep their length, and whether the Jacobians of images that
 * lie close together have anything in common.
 */
final class NetworkProbe {

    /** How far beside an image to look, by its length. */
    private static final double[] PERTURBATIONS = {0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5};

    private static final int NETWORKS = 8;
    private static final int IMAGES = 16;
    private static final int PRODUCTS = 4;
    private static final int GRADIENTS = 3;

    private NetworkProbe() {}

    /** Measures untrained networks: {@code probe.csv}, {@code probe.md} and {@code probe.png}. */
    static void run(IsometryCommand options, ImageData data) {
        options.requireUsable(data);
        Eta left = new Eta(options.families.size() * options.depths.size());
        Table all =
                table(
                        "family;depth;seed;gradient_least;gradient_median;gradient_largest",
                        "cosine_",
                        "distance_ratio");
        Table means =
                table(
                        "layers;depth;gradient, least / median / largest",
                        "cosine at ",
                        "distance ratio");
        Plot plot =
                IsometryReport.plot(
                                "Jacobians of nearby images before training: fewer folds leave more"
                                        + " in common",
                                "distance from an image, by its length",
                                "cosine of the Jacobians")
                        .logX();
        for (int depth : options.depths) {
            for (Family family : options.families) {
                List<double[]> networks = new ArrayList<>();
                for (int seed = 1; seed <= NETWORKS; seed++) {
                    double[] found = measure(options, options.run(family, depth, 1, seed), data);
                    networks.add(found);
                    all.add(row(Stream.of(family, depth, seed), Arrays.stream(found).boxed()));
                }
                double[] mean = Stats.mean(networks);
                double[] cosines = Arrays.copyOfRange(mean, GRADIENTS, mean.length - 1);
                means.add(
                        row(
                                Stream.of(family.label, depth, gradient(networks)),
                                Arrays.stream(mean)
                                        .skip(GRADIENTS)
                                        .mapToObj(IsometryReport::number)));
                if (Family.PROBED.contains(family)) {
                    String place = options.depths.size() > 1 ? ", depth " + depth : "";
                    plot.add(family.label + place, Plot.Style.MARKED, PERTURBATIONS, cosines);
                }
                options.print("%s, depth %d; %s", family, depth, left.tick());
            }
        }
        Table.write(options.out.resolve("probe.csv"), all.csv());
        Table.write(options.out.resolve("probe.md"), means.markdown());
        plot.save(options.out.resolve("probe.png"));
        means.markdown().forEach(options.console::println);
        options.print("Results are in %s", options.out);
    }

    private static Table table(String first, String cosine, String last) {
        Stream<String> cosines = Arrays.stream(PERTURBATIONS).mapToObj(p -> cosine + p);
        Stream<String> named =
                Stream.of(Stream.of(first.split(";")), cosines, Stream.of(last)).flatMap(s -> s);
        return new Table(named.toArray(String[]::new));
    }

    private static Object[] row(Stream<?> first, Stream<?> numbers) {
        return Stream.concat(first, numbers).toArray();
    }

    /** The least of all images of networks, the median of their medians, the largest. */
    static String gradient(List<double[]> networks) {
        Spread[] over = new Spread[GRADIENTS];
        Arrays.setAll(over, i -> Spread.of(networks.stream().mapToDouble(n -> n[i]).toArray()));
        return Stream.of(over[0].min(), over[1].median(), over[2].max())
                .map(IsometryReport::number)
                .collect(Collectors.joining(" / "));
    }

    /**
     * Returns the least, median and largest {@code |J^T g| / |g|} of all layers over images, then
     * mean cosines between Jacobians, one for each perturbation, then the mean ratio of distances
     * between images after and before.
     */
    private static double[] measure(IsometryCommand options, DeepRun run, ImageData data) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            int side = data.side();
            int seed = run.seed();
            Family.Network network =
                    new Family.Network(run.family(), options, run.depth(), data.classes());
            Engine.getEngine("PyTorch").setRandomSeed(seed);
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 1, side, side));
            int count = Math.min(IMAGES, data.test().size());
            NDArray states = network.embed(data.test().part(0, count).batch().images(manager));
            Spread gradient =
                    LayerProfile.of(network.layers, manager, states, seed).get(0).gradientRatio();
            DoubleStream.Builder found = DoubleStream.builder();
            found.add(gradient.min()).add(gradient.median()).add(gradient.max());
            for (double beside : PERTURBATIONS) {
                found.add(
                        Shattering.jacobianCosine(
                                        network.layers, manager, states, beside, PRODUCTS, seed)
                                .mean());
            }
            found.add(Shattering.distanceRatio(network.layers, manager, states).mean());
            return found.build().toArray();
        }
    }

    /**
     * What the layers of a network do to differences and gradients, at some images.
     *
     * @param least the least singular value of the Jacobian of all layers at the first image
     * @param largest the largest
     * @param gradients {@code |J^T g| / |g|} from the input of each layer to the last output, the
     *     median over images
     * @param foldRate the share of hyperplanes with a point on the folded side; NaN if not known
     * @param cosine between the Jacobians at an image and a tenth of its length beside it, mean
     */
    record Measurement(
            double least, double largest, double[] gradients, double foldRate, double cosine) {

        /** Measures at two images or more. */
        static Measurement of(Family.Network network, NDArray images) {
            IsometryProbe probe = IsometryProbe.builder().setInputs(network.embed(images)).build();
            IsometryMeasurement found = probe.measure(network.layers);
            double[] gradients = new double[network.layers.getChildren().size()];
            int parts = found.layers().size() / gradients.length;
            Arrays.setAll(gradients, i -> found.layers().get(i * parts).gradientRatio().median());
            double cosine = found.jacobianCosine().mean();
            return new Measurement(
                    found.smallest(), found.largest(), gradients, found.foldRate(), cosine);
        }
    }

    /**
     * Returns the largest entry of {@code |W W^T - I|} of the folds and orthogonal linear maps in a
     * block, and of the matrices that kernels of convolutions are made from, as the forward pass
     * has used them; NaN if there is none.
     */
    static double deviation(Block block, NDManager manager) {
        try (NDManager scratch = manager.newSubManager()) {
            return weights(block, scratch)
                    .mapToDouble(
                            weight -> {
                                NDArray gram = weight.matMul(weight.transpose());
                                NDArray identity = scratch.eye((int) weight.getShape().get(0));
                                NDArray largest = gram.sub(identity).abs().max();
                                return Host.read(largest, NDArray::getFloat);
                            })
                    .max()
                    .orElse(Double.NaN);
        }
    }

    private static Stream<NDArray> weights(Block block, NDManager scratch) {
        if (block instanceof Fold fold) {
            return Stream.of(fold.effectiveWeight(scratch));
        }
        if (block instanceof OrthogonalLinear linear) {
            return Stream.of(linear.effectiveWeight(scratch));
        }
        if (block instanceof KernelLayer) {
            return block.getParameters().values().stream()
                    .filter(p -> p.getType() == Parameter.Type.WEIGHT)
                    .filter(p -> p.getShape().dimension() == 2)
                    .map(
                            parameter -> {
                                NDArray copy = parameter.getArray().duplicate();
                                copy.attach(scratch);
                                return copy;
                            });
        }
        return block.getChildren().values().stream().flatMap(child -> weights(child, scratch));
    }
}

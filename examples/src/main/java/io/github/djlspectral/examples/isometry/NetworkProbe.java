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
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.layers.isometry.diagnostics.Shattering;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

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
        List<ProbeResult> results = new ArrayList<>();
        for (int depth : depths) {
            for (Family family : families) {
                results.add(measure(family, depth, data));
                out.println(family + ", depth " + depth + "; " + countdown.tick());
            }
        }
        ProbeReport report = new ProbeReport(results);
        report.write(directory);
        report.table().forEach(out::println);
        out.println("Results are in " + directory);
    }

    /** Distances and their ratios need two images. */
    static void requireTwo(ImageSet test) {
        if (test.size() < 2) {
            throw new BadInputException(
                    "There is only one image to test with, but networks are measured with two or"
                            + " more: give a folder of ten or more pictures with --data");
        }
    }

    private ProbeResult measure(Family family, int depth, ImageData data) {
        List<ProbeResult.OfNetwork> networks = new ArrayList<>();
        for (int seed = 1; seed <= NETWORKS; seed++) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                networks.add(measure(new DeepRun(family, depth, settings, 1, seed), data, manager));
            }
        }
        return new ProbeResult(family, depth, networks);
    }

    private static ProbeResult.OfNetwork measure(DeepRun run, ImageData data, NDManager manager) {
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
        return new ProbeResult.OfNetwork(
                profiles.get(0).gradientRatio(),
                cosines,
                Shattering.distanceRatio(layers, manager, states).mean());
    }
}

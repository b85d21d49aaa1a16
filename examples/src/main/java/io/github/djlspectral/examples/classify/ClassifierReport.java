package io.github.djlspectral.examples.classify;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.layers.flow.FlowPath;
import io.github.djlspectral.torch.Host;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The results of the experiment, for programs and for people. */
final class ClassifierReport {

    private ClassifierReport() {}

    /** What a run found; the flow before and after training, empty if there is none. */
    record Outcome(
            Mixer mixer, double rate, int seed, long size, List<Epoch> epochs, List<Profile> flow) {

        Epoch last() {
            return epochs.get(epochs.size() - 1);
        }
    }

    /** Writes tables, as CSV with every bit, and pictures. Returns the table for people. */
    static List<String> write(Path directory, List<Double> rates, List<Outcome> outcomes) {
        Table metrics = table("mixer;learning_rate;seed;epoch;train_loss;test_loss;test_accuracy");
        String measures = "energy;slope;dissipation;weight_work;dissipated;residual";
        Table energy = table("seed;training;step;" + measures);
        Plot accuracy = new Plot("Accuracy on test images, all seeds", "epoch", "% right");
        Plot depth = new Plot("Energy along the depth of the flow, all seeds", "step", "energy");
        DoubleSummaryStatistics energies =
                outcomes.stream()
                        .flatMap(outcome -> outcome.flow().stream())
                        .flatMapToDouble(profile -> Arrays.stream(profile.energy()))
                        .summaryStatistics();
        if (energies.getMax() > 100 * energies.getMin()) {
            depth.logY(); // which labels powers of ten only
        }
        for (Outcome o : outcomes) {
            for (Epoch e : o.epochs()) {
                Object[] losses = {e.trainLoss(), e.testLoss(), e.testAccuracy()};
                metrics.add(row(losses, o.mixer(), o.rate(), o.seed(), e.number()));
            }
            double[] shares =
                    o.epochs().stream().mapToDouble(e -> 100 * e.testAccuracy()).toArray();
            accuracy.add(o.mixer().label, Style.MARKED, 1, shares);
            for (Profile profile : o.flow()) {
                depth.add(profile.when() + " training", Style.MARKED, 0, profile.energy());
                for (int i = 0; i < profile.energy().length; i++) {
                    int step = i;
                    Object[] measured = profile.measures().stream().map(m -> m[step]).toArray();
                    energy.add(row(measured, o.seed(), profile.when(), step));
                }
            }
        }
        Table means =
                table(
                        ";parameters;learning rate;test accuracy, %;test loss;"
                                + "training loss, last epoch;"
                                + "clusters of an image's tokens before the flow, after");
        for (Mixer mixer : Mixer.values()) {
            List<Outcome> some = outcomes.stream().filter(o -> o.mixer() == mixer).toList();
            if (!some.isEmpty()) {
                addRow(means, rates, some);
            }
        }
        Table.write(directory.resolve("metrics.csv"), metrics.csv());
        Table.write(directory.resolve("energy.csv"), energy.csv());
        Table.write(directory.resolve("table.md"), means.markdown());
        accuracy.save(directory.resolve("accuracy.png"));
        depth.save(directory.resolve("energy.png"));
        return means.markdown();
    }

    private static Table table(String columns) {
        return new Table(columns.split(";"));
    }

    private static Object[] row(Object[] last, Object... first) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(last)).toArray();
    }

    /** Means over the seeds with the least and largest. */
    private static void addRow(Table table, List<Double> rates, List<Outcome> some) {
        Outcome first = some.get(0);
        String tried = rates.stream().map(String::valueOf).collect(Collectors.joining(", "));
        String clusters =
                first.flow().isEmpty()
                        ? ""
                        : Stats.cell("%.1f", some, o -> o.flow().get(1).clustersBefore())
                                + ", "
                                + Stats.cell("%.1f", some, o -> o.flow().get(1).clustersAfter());
        table.add(
                first.mixer().label,
                Table.text("%,d", first.size()),
                first.rate() + " of " + tried,
                Stats.cell("%.2f", some, o -> 100 * o.last().testAccuracy()),
                Stats.cell("%.4f", some, o -> o.last().testLoss()),
                Stats.cell("%.4f", some, o -> o.last().trainLoss()),
                clusters);
    }

    /**
     * The balance along a flow's depth, means over images.
     *
     * @param when before or after training
     * @param measures at the beginning and after each step
     * @param clustersBefore clusters of an image's tokens before the first step
     * @param clustersAfter after the last
     */
    record Profile(
            String when, List<double[]> measures, double clustersBefore, double clustersAfter) {

        private static final int IMAGES = 100;
        private static final double CLUSTER_ANGLE = Math.toRadians(20);
        private static final List<Function<FlowPath, double[]>> MEASURES =
                List.of(
                        FlowPath::energy,
                        FlowPath::slope,
                        FlowPath::dissipation,
                        FlowPath::weightWork,
                        FlowPath::dissipated,
                        FlowPath::residual);

        /** Follows the flow of a classifier along its depth for the first images. */
        static Profile of(
                String when, TokenClassifier classifier, ImageSet images, NDManager manager) {
            AttentionFlow flow = (AttentionFlow) classifier.mixer;
            try (NDManager scratch = manager.newSubManager()) {
                ImageSet.Batch batch = images.part(0, Math.min(IMAGES, images.size())).batch();
                ParameterStore store = new ParameterStore(scratch, false);
                NDArray tokens = classifier.embed(store, batch.images(scratch), false);
                NDArray moved = flow.forward(store, new NDList(tokens), false).singletonOrThrow();
                List<FlowPath> paths = flow.paths(store, tokens);
                return new Profile(
                        when,
                        MEASURES.stream().map(measure -> mean(paths, measure)).toList(),
                        clusters(tokens, CLUSTER_ANGLE),
                        clusters(moved, CLUSTER_ANGLE));
            }
        }

        private static double[] mean(List<FlowPath> paths, Function<FlowPath, double[]> measure) {
            double[] mean = new double[measure.apply(paths.get(0)).length];
            for (FlowPath path : paths) {
                double[] values = measure.apply(path);
                Arrays.setAll(mean, i -> mean[i] + values[i] / paths.size());
            }
            return mean;
        }

        double[] energy() {
            return measures.get(0);
        }

        /**
         * Counts the clusters of images' tokens [B, n, d], unit vectors, on average: two tokens
         * belong together if a chain of tokens leads from one to the other in which neighbours are
         * within an angle, in radians. Cost B n^2 d.
         */
        static double clusters(NDArray tokens, double angle) {
            int n = (int) tokens.getShape().get(1);
            double[] cosines;
            try (NDArray exact = tokens.toType(DataType.FLOAT64, true);
                    NDArray transposed = exact.transpose(0, 2, 1);
                    NDArray products = exact.matMul(transposed)) {
                cosines = Host.read(products, NDArray::toDoubleArray);
            }
            double least = Math.cos(angle);
            int images = cosines.length / (n * n);
            double clusters = 0;
            for (int image = 0; image < images; image++) {
                int[] cluster = IntStream.range(0, n).toArray(); // each token is one of its own
                for (int pair = 0; pair < n * n; pair++) {
                    if (cosines[image * n * n + pair] >= least) {
                        int one = cluster[pair / n];
                        int other = cluster[pair % n];
                        Arrays.setAll(cluster, i -> cluster[i] == one ? other : cluster[i]);
                    }
                }
                clusters += Arrays.stream(cluster).distinct().count();
            }
            return clusters / images;
        }
    }
}

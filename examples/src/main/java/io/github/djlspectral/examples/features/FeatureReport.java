package io.github.djlspectral.examples.features;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The results of the experiment for people.
 *
 * @param problem what was descended on
 * @param descents one for each seed, by optimizer, in order
 */
record FeatureReport(FeatureProblem problem, Map<String, List<Descent>> descents) {

    /**
     * Returns a Markdown table: means over the seeds with the least and largest. The last three
     * columns are coefficients of variation over steps. A best step size t depends on the length of
     * the direction D: a spectral map's is constant, a gradient's falls with the loss. For the
     * directions of steepest descent it does not.
     */
    List<String> table() {
        Table table =
                new Table(
                        "optimizer",
                        "loss left",
                        "variation of the best step of steepest descent",
                        "the same about its trend",
                        "variation of the best step of D");
        descents.forEach(
                (name, all) ->
                        table.add(
                                name,
                                Stats.cell("%.2e", all, Descent::remainingLoss),
                                Stats.cell("%.2f", all, d -> variation(d.steepestStepSizes())),
                                Stats.cell("%.3f", all, d -> aboutTrend(d.steepestStepSizes())),
                                Stats.cell("%.2f", all, d -> variation(d.stepSizes()))));
        return table.markdown();
    }

    /** Draws what is left of the loss over steps, every seed. */
    Plot loss() {
        Plot plot = plot("loss / first loss", "Loss under exact line search");
        descents.forEach(
                (name, all) ->
                        all.forEach(
                                descent -> {
                                    double[] losses =
                                            descent.points().stream()
                                                    .mapToDouble(Descent.Point::loss)
                                                    .toArray();
                                    plot.add(name, Plot.Style.LINE, 0, divided(losses, losses[0]));
                                }));
        return plot;
    }

    /**
     * Draws the best step sizes of steepest descent over steps as multiples of their median, the
     * first seed's.
     */
    Plot stepSizes() {
        Plot plot = plot("best step size / its median", "Best step size");
        descents.forEach(
                (name, all) -> {
                    double[] sizes = all.get(0).steepestStepSizes();
                    double median = sizes.length == 0 ? 1 : Stats.median(sizes);
                    plot.add(name, Plot.Style.LINE, 1, divided(sizes, median));
                });
        return plot;
    }

    private Plot plot(String yAxis, String title) {
        return new Plot(title + ", " + problem.description(), "step", yAxis).logY();
    }

    private static double[] divided(double[] values, double by) {
        return Arrays.stream(values).map(value -> value / by).toArray();
    }

    /** Returns the coefficient of variation, standard deviation / mean; NaN of no values. */
    static double variation(double... values) {
        double mean = Arrays.stream(values).average().orElse(Double.NaN);
        double variance =
                Arrays.stream(values)
                        .map(v -> (v - mean) * (v - mean))
                        .average()
                        .orElse(Double.NaN);
        return Math.sqrt(variance) / Math.abs(mean);
    }

    /**
     * Returns the coefficient of variation about the trend: a value's logarithm is compared with
     * the mean of its neighbours', which an exponential trend does not change. The root mean square
     * of these differences is divided by sqrt(3/2), so that independent values of standard
     * deviation sigma about a smooth trend give sigma.
     *
     * @param values none zero; signs do not count
     * @return NaN for less than 3 values
     */
    static double aboutTrend(double... values) {
        if (values.length < 3) {
            return Double.NaN;
        }
        double[] logs = Arrays.stream(values).map(v -> Math.log(Math.abs(v))).toArray();
        double sum = 0;
        for (int i = 1; i < logs.length - 1; i++) {
            double difference = logs[i] - (logs[i - 1] + logs[i + 1]) / 2;
            sum += difference * difference;
        }
        return Math.sqrt(sum / (logs.length - 2) / 1.5);
    }
}

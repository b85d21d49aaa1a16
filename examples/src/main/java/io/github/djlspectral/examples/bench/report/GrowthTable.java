package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The exponents of all curves of growth.
 *
 * @param curves what to show
 */
record GrowthTable(List<GrowthCurve> curves) {

    /** Returns Markdown lines with a headline; empty without curves of two sizes. */
    List<String> lines() {
        MarkdownTable table =
                new MarkdownTable(
                        "growing",
                        "from, to",
                        "contender",
                        "time grows with exponent",
                        "its memory with exponent",
                        "memory against formula, worst");
        for (GrowthCurve curve : curves) {
            if (curve.points().size() > 1) {
                table.add(
                        curve.axis(),
                        range(curve.sizes()),
                        curve.contender(),
                        exponent(curve.timeFit()),
                        exponent(curve.memoryFit()),
                        curve.worstMemoryDeviation().map(SuiteTable::percent).orElse(""));
            }
        }
        if (table.isEmpty()) {
            return List.of();
        }
        List<String> lines = table.lines();
        lines.addAll(0, List.of("", "### Exponents, fitted on logarithmic axes", ""));
        return lines;
    }

    private static String range(double[] sizes) {
        return String.format(
                Locale.ROOT, "%.0f, %.0f (%d)", sizes[0], sizes[sizes.length - 1], sizes.length);
    }

    static String exponent(Optional<PowerLaw> fit) {
        return fit.map(law -> Uncertain.exponent(law).toString()).orElse("");
    }
}

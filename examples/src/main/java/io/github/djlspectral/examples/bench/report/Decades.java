package io.github.djlspectral.examples.bench.report;

import java.util.DoubleSummaryStatistics;
import java.util.stream.DoubleStream;
import org.knowm.xchart.style.AxesChartStyler;

/**
 * Makes logarithmic axes span whole decades: XChart labels nothing else, so that on a shorter one
 * there may be no number at all.
 */
final class Decades {

    private Decades() {}

    /** Sets the horizontal axis by the positive numbers on it. */
    static void onX(AxesChartStyler styler, DoubleStream values) {
        DoubleSummaryStatistics range = values.summaryStatistics();
        styler.setXAxisLogarithmic(true);
        styler.setXAxisMin(below(range));
        styler.setXAxisMax(above(range));
    }

    /** Sets the vertical axis by the positive numbers on it. */
    static void onY(AxesChartStyler styler, DoubleStream values) {
        DoubleSummaryStatistics range = values.summaryStatistics();
        styler.setYAxisLogarithmic(true);
        styler.setYAxisMin(below(range));
        styler.setYAxisMax(above(range));
    }

    private static double below(DoubleSummaryStatistics range) {
        return Math.pow(10, Math.floor(Math.log10(range.getMin())));
    }

    private static double above(DoubleSummaryStatistics range) {
        return Math.pow(10, Math.ceil(Math.log10(range.getMax())));
    }
}

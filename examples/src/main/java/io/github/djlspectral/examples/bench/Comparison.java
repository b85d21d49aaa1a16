package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Machine.Speed;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.experiment.Table;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;

/** Results beside older ones: times and peak memory of what both have. */
final class Comparison {

    /** Less than this is no regression, however sure: code moves, and with it alignment. */
    private static final double FLOOR = 1.05;

    /** On each side: one in a hundred unchanged quantities is taken for slower by chance. */
    private static final double SIGNIFICANCE = 0.01;

    private static final String RULE =
            """
            A regression is at least 5%% more, and beyond noise: the 98%% Welch interval of the \
            ratio, from the logarithms of the rounds' times, lies above 1. By chance alone that \
            holds for 1 in 100, and less with the 5%%: at most about %.1f of the %d compared here. \
            Less than two rounds are not judged.""";

    private final Results old;
    private final Results fresh;
    private final List<String> regressions = new ArrayList<>();
    private final Table table = new Table("measured", "old", "new", "new by old", "verdict");
    private int failures; // the first of the regressions
    private int compared;

    /**
     * How much a quantity of which less is better has changed between two runs, from what their
     * rounds found: iterations of one process have its memory layout and its minute in common, so
     * that they are not independent. The ratio is new by old, of geometric means; its 98% interval
     * is NaN if a run has one round only.
     */
    record Change(double ratio, double low, double high) {

        /** Compares what rounds found: positive numbers, at least one before and one after. */
        static Change between(double[] before, double[] after) {
            double[] old = Arrays.stream(before).map(Math::log).toArray();
            double[] fresh = Arrays.stream(after).map(Math::log).toArray();
            double difference = StatUtils.mean(fresh) - StatUtils.mean(old);
            double margin = old.length < 2 || fresh.length < 2 ? Double.NaN : welch(old, fresh);
            double ratio = Math.exp(difference);
            return new Change(ratio, Math.exp(difference - margin), Math.exp(difference + margin));
        }

        /** Half the width of the interval of the difference of means, by Welch, Satterthwaite. */
        private static double welch(double[] a, double[] b) {
            double squareA = StatUtils.variance(a) / a.length;
            double squareB = StatUtils.variance(b) / b.length;
            double square = squareA + squareB;
            if (square == 0) {
                return 0;
            }
            double parts = squareA * squareA / (a.length - 1) + squareB * squareB / (b.length - 1);
            TDistribution student = new TDistribution(null, square * square / parts);
            return student.inverseCumulativeProbability(1 - SIGNIFICANCE) * Math.sqrt(square);
        }

        boolean isRegression() {
            return ratio >= FLOOR && low > 1;
        }

        String verdict() {
            String better = ratio <= 1 / FLOOR && high < 1 ? "better" : "";
            return Double.isNaN(low) ? "not judged" : isRegression() ? "REGRESSION" : better;
        }

        /** Returns such as "1.21 [1.15, 1.27]". */
        @Override
        public String toString() {
            return Table.text(Double.isNaN(low) ? "%.2f" : "%.2f [%.2f, %.2f]", ratio, low, high);
        }
    }

    Comparison(Results old, Results fresh) {
        this.old = old;
        this.fresh = fresh;
        for (Measurement now : fresh.measurements()) {
            Optional<Measurement> before = old.find(now.key()).filter(Measurement::isMeasured);
            if (before.isPresent()) {
                String fails = now.key() + " fails now: "; // what could be measured once
                now.failure().ifPresent(why -> regressions.add(failures++, fails + why));
                double[] times = before.get().each(Round::time);
                double[] peaks = before.get().each(Round::peakMemory);
                add(now.key() + ", ms", Report.MILLI, times, now.each(Round::time));
                add(now.key() + ", peak GiB", Report.GIBI, peaks, now.each(Round::peakMemory));
            }
        }
    }

    private void add(String what, double unit, double[] before, double[] now) {
        if (before.length > 0 && now.length > 0) {
            Change change = Change.between(before, now);
            if (change.isRegression()) {
                regressions.add(what + ": " + change + " of before");
            }
            Uncertain was = Uncertain.mean(before).times(1 / unit);
            Uncertain is = Uncertain.mean(now).times(1 / unit);
            table.add(what, was, is, change, change.verdict());
            compared++;
        }
    }

    /** Tells whether something grew beyond noise, or what could be measured no longer can. */
    boolean hasRegressions() {
        return !regressions.isEmpty();
    }

    List<String> lines() {
        List<String> lines = new ArrayList<>();
        String known = old.machine().versions().get("commit");
        String commit = known == null ? "" : ", commit " + known;
        lines.addAll(List.of("## Against the results of " + old.date() + commit, ""));
        fresh.machine()
                .differences(old.machine())
                .forEach(difference -> lines.add("- Warning: not the same machine: " + difference));
        if (old.quick() != fresh.quick()) {
            lines.add("- Warning: one of the two is a quick run, which warms up less");
        }
        lines.addAll(Speed.of(fresh).against(Speed.of(old)));
        regressions.forEach(message -> lines.add("- REGRESSION: " + message));
        if (table.isEmpty()) {
            lines.add("- Nothing was measured in both.");
            return lines;
        }
        lines.addAll(hasRegressions() ? List.of("") : List.of("- No regression.", ""));
        lines.addAll(table.markdown());
        lines.addAll(List.of("", Table.text(RULE, SIGNIFICANCE * compared, compared)));
        return lines;
    }
}

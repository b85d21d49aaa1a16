package io.github.djlspectral.examples.bench.report;

import java.util.List;
import java.util.Locale;
import org.apache.commons.math3.stat.descriptive.rank.Median;

/**
 * What one process measured.
 *
 * @param number which round it was part of, from 1; processes of one round ran close together
 * @param seconds the time of an operation in each iteration; empty if the process failed
 * @param peakMemory the most memory that was resident, bytes; 0 if not measured
 * @param baseMemory what was resident before there was anything to measure, bytes; 0 if not known
 * @param predictedMemory the difference of the two by formula, bytes; 0 if there is none
 * @param polarError by how much singular values of a polar factor differ from 1 at most; 0 if this
 *     is not measured here
 * @param failure why there is no time; null if there is
 */
public record Round(
        int number,
        List<Double> seconds,
        double peakMemory,
        double baseMemory,
        double predictedMemory,
        double polarError,
        String failure) {

    /**
     * Describes a process that did not bring a time.
     *
     * @param number the round
     * @param failure why
     * @return a round without times
     */
    public static Round failed(int number, String failure) {
        return new Round(number, List.of(), 0, 0, 0, 0, failure);
    }

    /**
     * Tells whether there are times.
     *
     * @return false if the process failed
     */
    public boolean isMeasured() {
        return failure == null;
    }

    /**
     * Returns the time of an operation.
     *
     * @return seconds, the median of the iterations, as what else runs on a machine makes a few of
     *     them much longer; NaN if the process failed
     */
    public double medianSeconds() {
        return new Median().evaluate(seconds.stream().mapToDouble(s -> s).toArray());
    }

    /**
     * Returns the time of an operation in words.
     *
     * @return such as "41.2 ms", or why there is none
     */
    public String describe() {
        if (!isMeasured()) {
            return "failed: " + failure;
        }
        double milliseconds = medianSeconds() / SuiteTable.MILLI;
        String format = "%." + Uncertain.decimals(milliseconds) + "f ms";
        return String.format(Locale.ROOT, format, milliseconds);
    }

    /** Returns the memory that the operation brought, bytes; 0 if not known. */
    double ownMemory() {
        return peakMemory > 0 && baseMemory > 0 ? peakMemory - baseMemory : 0;
    }
}

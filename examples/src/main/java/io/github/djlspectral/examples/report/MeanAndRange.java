package io.github.djlspectral.examples.report;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** The mean of a number over seeds, with the least and the largest. */
public final class MeanAndRange {

    private MeanAndRange() {}

    /**
     * Returns a table's cell.
     *
     * @param <T> what there is one of for each seed
     * @param format of each of the three numbers, as for {@link String#format}
     * @param outcomes one for each seed, at least one
     * @param number what to take of each
     * @return such as "2.01 [1.99, 2.02]"
     */
    public static <T> String cell(
            String format, List<T> outcomes, ToDoubleFunction<? super T> number) {
        double[] sorted = outcomes.stream().mapToDouble(number).sorted().toArray();
        double mean = Arrays.stream(sorted).average().orElseThrow();
        return String.format(
                Locale.ROOT,
                format + " [" + format + ", " + format + "]",
                mean,
                sorted[0],
                sorted[sorted.length - 1]);
    }
}

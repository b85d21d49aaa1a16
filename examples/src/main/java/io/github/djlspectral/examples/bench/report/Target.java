package io.github.djlspectral.examples.bench.report;

import java.util.Locale;
import java.util.Optional;

/**
 * What was aimed at, and whether it is reached.
 *
 * @param aim in words
 * @param value what was measured; empty if it was not
 * @param least the least that holds
 * @param largest the largest that holds
 */
record Target(String aim, Optional<Uncertain> value, double least, double largest) {

    static Target atMost(double largest, String aim, Optional<Uncertain> value) {
        return new Target(aim, value, Double.NEGATIVE_INFINITY, largest);
    }

    static Target atLeast(double least, String aim, Optional<Uncertain> value) {
        return new Target(aim, value, least, Double.POSITIVE_INFINITY);
    }

    static Target within(double least, double largest, String aim, Optional<Uncertain> value) {
        return new Target(aim, value, least, largest);
    }

    boolean isMeasured() {
        return value.isPresent();
    }

    String limit() {
        if (least == Double.NEGATIVE_INFINITY) {
            return "at most " + number(largest);
        }
        return largest == Double.POSITIVE_INFINITY
                ? "at least " + number(least)
                : number(least) + " to " + number(largest);
    }

    private static String number(double limit) {
        return String.format(Locale.ROOT, "%.2f", limit);
    }

    /** Returns "held" or "MISSED" by the value, and whether the margin leaves it open. */
    String verdict() {
        return value.map(this::verdict).orElse("not measured");
    }

    private String verdict(Uncertain measured) {
        boolean held = measured.value() >= least && measured.value() <= largest;
        boolean open = measured.includes(least) || measured.includes(largest);
        return (held ? "held" : "MISSED") + (open ? " (the limit is within the margin)" : "");
    }
}

package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Made-up results of three rounds. */
final class SomeResults {

    private static final double GIBI = 1L << 30;
    private static final double[] ROUNDS = {0.99, 1, 1.02};

    private final Results results;

    SomeResults() {
        this(3.0e11, 3.1e11);
    }

    SomeResults(Double... productRates) {
        results =
                new Results(
                        machine(2),
                        "2026-01-02T03:04",
                        true,
                        "bench --quick",
                        List.of("Python's PyTorch is skipped: there is no torch"),
                        new ArrayList<>(List.of(productRates)),
                        new ArrayList<>());
    }

    static Machine machine(int threads) {
        return machine(threads, 0.1, Map.of("pytorch", "2.7.1"));
    }

    static Machine machine(int threads, double load, Map<String, String> versions) {
        List<String> instructions = List.of("avx2", "avx512f");
        return new Machine(
                "Some CPU", 2, instructions, 24L << 30, load, threads, new TreeMap<>(versions));
    }

    /** Adds a contender whose rounds differ by 1 to 2%. */
    SomeResults add(Suite suite, String subject, String contender, double seconds) {
        return addWithMemory(suite, subject, contender, seconds, 0, 0);
    }

    SomeResults addWithMemory(
            Suite suite, String subject, String who, double seconds, double own, double predicted) {
        double base = own == 0 ? 0 : 0.5 * GIBI;
        double peak = base + own * GIBI;
        for (int i = 0; i < ROUNDS.length; i++) {
            List<Double> times = List.of(0.9 * seconds * ROUNDS[i], 1.1 * seconds * ROUNDS[i]);
            Round round = new Round(i + 1, times, peak, base, predicted * GIBI, 0, null);
            results.add(new Key(suite, subject, who), round);
        }
        return this;
    }

    SomeResults fail(Suite suite, String subject, String contender, String why) {
        results.add(new Key(suite, subject, contender), Round.failed(1, why));
        return this;
    }

    Results get() {
        return results;
    }
}

package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import java.util.List;
import java.util.Map;

/** Made-up results of three rounds. */
final class SomeResults {

    static final double GIBI = 1L << 30;

    private static final double[] ROUNDS = {0.99, 1, 1.02};

    private Results results;

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
                        List.of(productRates),
                        List.of());
    }

    static MachineDescription machine(int threads) {
        return new MachineDescription(
                "Some CPU",
                2,
                List.of("avx2", "avx512f"),
                24L << 30,
                0.1,
                threads,
                Map.of("pytorch", "2.7.1"));
    }

    /** Adds a contender whose rounds differ by 1 to 2%. */
    SomeResults add(
            Suite suite, String subject, String contender, double seconds, String... against) {
        return addWithMemory(suite, subject, contender, seconds, 0, 0, against);
    }

    SomeResults addWithMemory(
            Suite suite,
            String subject,
            String contender,
            double seconds,
            double gibi,
            double predicted,
            String... against) {
        Key key = new Key(suite, subject, contender);
        for (int round = 1; round <= ROUNDS.length; round++) {
            double time = seconds * ROUNDS[round - 1];
            results =
                    results.with(
                            key,
                            List.of(against),
                            new Round(
                                    round,
                                    List.of(0.9 * time, 1.1 * time),
                                    gibi == 0 ? 0 : (gibi + 0.5) * GIBI,
                                    gibi == 0 ? 0 : 0.5 * GIBI,
                                    predicted * GIBI,
                                    0,
                                    null));
        }
        return this;
    }

    SomeResults fail(Suite suite, String subject, String contender, String why) {
        results = results.with(new Key(suite, subject, contender), List.of(), Round.failed(1, why));
        return this;
    }

    Results get() {
        return results;
    }
}

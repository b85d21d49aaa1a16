package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;

/**
 * What was measured.
 *
 * @param suite the table it belongs to
 * @param subject what was done; times of one subject can be compared
 * @param contender who did it
 */
public record Key(Suite suite, String subject, String contender) {

    /** Returns such as "optimizers, 768x3072: Muon". */
    @Override
    public String toString() {
        return suite + ", " + subject + ": " + contender;
    }
}

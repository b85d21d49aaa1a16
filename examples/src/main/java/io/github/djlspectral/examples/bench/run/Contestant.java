package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import java.util.List;

/** Something to measure, in a process of its own. */
interface Contestant {

    /** Returns what is measured. */
    Key key();

    /** Returns the contenders to compare with. */
    List<String> against();

    /** Tells whether two do the same, so that their times can be compared. */
    default boolean isRivalOf(Contestant other) {
        return key().suite() == other.key().suite()
                && key().subject().equals(other.key().subject());
    }

    /**
     * Measures once.
     *
     * @param round the round's number
     * @return what was found; a failure of the process is part of it
     */
    Round measure(int round);
}

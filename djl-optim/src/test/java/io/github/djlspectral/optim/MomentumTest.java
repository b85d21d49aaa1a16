package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import org.junit.jupiter.api.Test;

/** What {@code optMomentum} says. */
class MomentumTest {

    /** A gradient alone: nothing is kept, the gradient is the caller's. */
    @Test
    void withoutMomentumThereIsNoState() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder().optMomentum(0).optMap(SpectralMap.newtonSchulz()).build();
                Muon other = Muon.builder().optMap(SpectralMap.newtonSchulz()).build()) {
            NDArray gradient = manager.randomNormal(new Shape(4, 6));
            NDArray given = gradient.duplicate();
            NDArray weight = manager.zeros(new Shape(4, 6));
            NDArray expected = manager.zeros(new Shape(4, 6));
            muon.update("w", weight, given);
            other.update("w", expected, gradient);
            assertThat(given).isEqualTo(gradient);
            assertThat(Oracle.relativeDistance(weight, expected)).isLessThan(1e-5);
            assertThat(muon.firstState("w").arrays()).isEmpty();
        }
    }

    @Test
    void theLastWordAboutTheMomentumHolds() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon tracked =
                        Muon.builder()
                                .optMomentum(0)
                                .optMomentumTracker(Tracker.fixed(0.5f))
                                .build();
                Muon fixed = Muon.builder().optMomentum(0.5f).build()) {
            NDArray first = manager.zeros(new Shape(4, 6));
            NDArray second = manager.zeros(new Shape(4, 6));
            for (int step = 0; step < 2; step++) {
                NDArray gradient = manager.randomNormal(new Shape(4, 6));
                tracked.update("w", first, gradient);
                fixed.update("w", second, gradient);
            }
            assertThat(first).isEqualTo(second);
        }
    }
}

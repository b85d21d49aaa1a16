package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.training.tracker.Tracker;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class WarmupTrackerTest {

    private static WarmupCosineTracker.Builder cosine() {
        return WarmupCosineTracker.builder()
                .setBaseValue(8)
                .setWarmupSteps(4)
                .setTotalSteps(12)
                .optFinalValue(4);
    }

    private static WarmupStableDecayTracker.Builder stable() {
        return WarmupStableDecayTracker.builder()
                .setBaseValue(8)
                .setWarmupSteps(4)
                .setDecaySteps(4)
                .setTotalSteps(12)
                .optFinalValue(4);
    }

    private static float[] values(Tracker tracker, int... steps) {
        float[] values = new float[steps.length];
        for (int i = 0; i < steps.length; i++) {
            values[i] = tracker.getNewValue("any parameter", steps[i]);
        }
        return values;
    }

    @Test
    void cosineHasItsExactValues() {
        // cos(pi / 3) = 1/2 is no step here; a quarter and three quarters are exact to a float.
        float quarter = (float) (4 + 2 * (1 + Math.sqrt(0.5)));
        float threeQuarters = (float) (4 + 2 * (1 - Math.sqrt(0.5)));
        assertThat(values(cosine().build(), 0, 1, 2, 3, 4, 6, 8, 10, 12, 13, Integer.MAX_VALUE))
                .containsExactly(0, 2, 4, 6, 8, quarter, 6, threeQuarters, 4, 4, 4);
        assertThat(values(cosine().optWarmupBeginValue(4).build(), 0, 1, 2, 3, 4))
                .containsExactly(4, 5, 6, 7, 8);
        assertThat(values(cosine().setWarmupSteps(0).build(), 0, 6, 12)).containsExactly(8, 6, 4);
    }

    @Test
    void stableDecayHasItsExactValues() {
        assertThat(values(stable().build(), 0, 1, 3, 4, 5, 8, 9, 10, 11, 12, 100))
                .containsExactly(0, 2, 6, 8, 8, 8, 7, 6, 5, 4, 4);
        assertThat(values(stable().setDecaySteps(0).build(), 11, 12)).containsExactly(8, 4);
        assertThat(values(stable().setDecaySteps(8).build(), 4, 8, 12)).containsExactly(8, 6, 4);
    }

    /** Muon's usual momentum schedule. */
    @Test
    void momentumRisesAndStays() {
        Tracker momentum =
                WarmupCosineTracker.builder()
                        .setBaseValue(0.95f)
                        .setWarmupSteps(300)
                        .setTotalSteps(1000)
                        .optWarmupBeginValue(0.85f)
                        .optFinalValue(0.95f)
                        .build();
        assertThat(values(momentum, 0, 300, 301, 650, 999, 1000, 5000))
                .containsExactly(0.85f, 0.95f, 0.95f, 0.95f, 0.95f, 0.95f, 0.95f);
    }

    @Test
    void refusesIllegalValues() {
        assertThatThrownBy(() -> WarmupCosineTracker.builder().build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("base value must be set");
        assertThatThrownBy(() -> cosine().setBaseValue(-1).build()).hasMessageContaining("-1.0");
        assertThatThrownBy(() -> cosine().optFinalValue(Float.POSITIVE_INFINITY).build())
                .hasMessageContaining("final value")
                .hasMessageContaining("Infinity");
        assertThatThrownBy(() -> cosine().optWarmupBeginValue(Float.NaN).build())
                .hasMessageContaining("beginning of the warmup");
        assertThatThrownBy(() -> cosine().setWarmupSteps(-2).build()).hasMessageContaining("-2");
        assertThatThrownBy(() -> cosine().setTotalSteps(4).build())
                .hasMessageContaining("longer than its warmup of 4 steps, was 4");
        assertThatThrownBy(() -> stable().setDecaySteps(9).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("between 0 and 8 steps, was 9");
    }

    /** Begin, base and final value, warmup, decay and total steps. */
    private record Schedule(
            float begin, float base, float last, int warmup, int decay, int total) {}

    @Provide
    Arbitrary<Schedule> schedules() {
        Arbitrary<Float> value = Arbitraries.floats().between(0, 1e6f);
        Arbitrary<Integer> steps = Arbitraries.integers().between(0, 300);
        return Combinators.combine(value, value, value, steps, steps, steps)
                .as(
                        (a, b, c, warmup, decay, rest) -> {
                            float base = Math.max(a, Math.max(b, c));
                            return new Schedule(
                                    Math.min(a, b),
                                    base,
                                    c,
                                    warmup,
                                    decay,
                                    warmup + decay + rest + 1);
                        });
    }

    @Property(tries = 200, seed = "1")
    void riseToTheBaseThenFallToTheFinalValue(@ForAll("schedules") Schedule s) {
        Tracker cosine =
                WarmupCosineTracker.builder()
                        .setBaseValue(s.base)
                        .setWarmupSteps(s.warmup)
                        .setTotalSteps(s.total)
                        .optFinalValue(s.last)
                        .optWarmupBeginValue(s.begin)
                        .build();
        Tracker stable =
                WarmupStableDecayTracker.builder()
                        .setBaseValue(s.base)
                        .setWarmupSteps(s.warmup)
                        .setDecaySteps(s.decay)
                        .setTotalSteps(s.total)
                        .optFinalValue(s.last)
                        .optWarmupBeginValue(s.begin)
                        .build();
        for (Tracker tracker : new Tracker[] {cosine, stable}) {
            assertThat(tracker.getNewValue(s.warmup)).isEqualTo(s.base);
            for (int t = 1; t <= s.total + 1; t++) {
                float step = tracker.getNewValue(t) - tracker.getNewValue(t - 1);
                assertThat(t <= s.warmup ? step : -step).isGreaterThanOrEqualTo(0);
            }
            assertThat(tracker.getNewValue(s.total)).isEqualTo(s.last);
            assertThat(tracker.getNewValue(s.total + 1000)).isEqualTo(s.last);
        }
    }
}

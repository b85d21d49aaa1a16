package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.metric.Metrics;
import ai.djl.nn.Block;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Measures a network every few batches of its training with an {@link IsometryProbe}, and changes
 * nothing: training goes on bit for bit as without it. The numbers of {@link
 * IsometryMeasurement#values} go to the trainer's metrics, if it has any, under {@value #PREFIX}
 * and their name.
 *
 * <p>DJL's own loop calls it as a {@link ai.djl.training.listener.TrainingListener}; a loop of
 * one's own calls {@link #afterBatch} outside of gradient collection:
 *
 * <pre>{@code
 * trainer.step();
 * listener.afterBatch(trainer);
 * }</pre>
 */
public final class IsometryListener extends TrainingListenerAdapter {

    /** What the names of metrics begin with. */
    public static final String PREFIX = "isometry_";

    /**
     * One measurement.
     *
     * @param batch the number of batches trained on, from 1
     * @param measurement what was found
     */
    public record Entry(long batch, IsometryMeasurement measurement) {}

    private final IsometryProbe probe;
    private final int every;
    private final List<Entry> entries = new ArrayList<>();
    private long batches;

    private IsometryListener(Builder builder) {
        probe = builder.probe;
        every = builder.every;
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        afterBatch(trainer);
    }

    /**
     * Counts a batch, and measures the trainer's network if it is time to.
     *
     * @param trainer the trainer, initialised
     */
    public void afterBatch(Trainer trainer) {
        batches++;
        if (batches % every == 0) {
            record(trainer.getModel().getBlock(), trainer.getMetrics());
        }
    }

    private void record(Block block, Metrics metrics) {
        IsometryMeasurement found = probe.measure(block);
        entries.add(new Entry(batches, found));
        if (metrics != null) {
            found.values().forEach((name, value) -> metrics.addMetric(PREFIX + name, value));
        }
    }

    /** {@return what was measured so far, in order: an immutable copy} */
    public List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** Builds an {@link IsometryListener}. */
    public static final class Builder {

        private IsometryProbe probe;
        private int every = 100;

        private Builder() {}

        /**
         * Sets what to measure with (required).
         *
         * @param probe the probe
         * @return this builder
         */
        public Builder setProbe(IsometryProbe probe) {
            this.probe = probe;
            return this;
        }

        /**
         * Sets the batches from one measurement to the next: it measures at multiples. Default:
         * 100.
         *
         * @param every at least 1
         * @return this builder
         */
        public Builder optEvery(int every) {
            this.every = every;
            return this;
        }

        /** {@return the listener} The probe must be set. */
        public IsometryListener build() {
            Objects.requireNonNull(probe, "probe");
            requireAtLeast(1, "every", every);
            return new IsometryListener(this);
        }
    }
}

package io.github.djlspectral.examples.classify;

import java.util.List;

/**
 * What a run found.
 *
 * @param mixer what it trained
 * @param rate its learning rate
 * @param seed its seed
 * @param size the number of parameters
 * @param epochs one entry for each
 * @param before the flow along its depth before training; null if not looked at
 * @param after the same after training
 */
record Outcome(
        Mixer mixer,
        double rate,
        int seed,
        long size,
        List<Epoch> epochs,
        DepthProfile before,
        DepthProfile after) {

    /**
     * What is known after an epoch.
     *
     * @param number from 1 on
     * @param trainLoss mean over the epoch, before each update, in nats
     * @param testLoss in nats
     * @param testAccuracy the share of right answers
     */
    record Epoch(int number, double trainLoss, double testLoss, double testAccuracy) {}

    Epoch last() {
        return epochs.get(epochs.size() - 1);
    }

    double accuracy() {
        return last().testAccuracy();
    }
}

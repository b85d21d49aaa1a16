package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.descent.LocalDescent;

/**
 * What one step would do.
 *
 * @param step the steps of training done before
 * @param exponent c in {@code (M M^T)^(-c) M}
 * @param rate the learning rate
 * @param loss the validation loss before the step
 * @param change the validation loss after it, minus that before
 * @param descent how the training loss bends along the step's direction; the same for all rates
 */
record LandscapePoint(
        int step, double exponent, double rate, double loss, double change, LocalDescent descent) {}

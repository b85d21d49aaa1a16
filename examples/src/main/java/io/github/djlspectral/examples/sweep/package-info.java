/**
 * Experiments with many runs or many steps from the same weights: learning rates of several
 * optimizers, and the landscape of one step.
 */
package io.github.djlspectral.examples.sweep;

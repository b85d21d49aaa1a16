/**
 * Attention as a time-dependent gradient flow: a block, a simulator, and what they conserve.
 * Arguments outside the ranges that are stated for them are refused with an {@link
 * IllegalArgumentException} that names them.
 */
package io.github.djlspectral.layers.flow;

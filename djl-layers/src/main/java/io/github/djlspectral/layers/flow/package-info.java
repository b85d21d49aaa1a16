/** Attention as a time-dependent gradient flow: a block, a simulator, and what they conserve. */
package io.github.djlspectral.layers.flow;

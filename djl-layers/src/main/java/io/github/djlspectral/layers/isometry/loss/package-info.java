/** Penalties that draw the weights, or the Jacobian, of any network towards isometry. */
package io.github.djlspectral.layers.isometry.loss;

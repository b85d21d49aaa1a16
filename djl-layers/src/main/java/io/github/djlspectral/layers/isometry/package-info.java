/** Layers whose Jacobian is orthogonal almost everywhere, and the means to check them. */
package io.github.djlspectral.layers.isometry;

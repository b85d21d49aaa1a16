/**
 * Layers whose Jacobian is orthogonal almost everywhere, and the means to check them. Arguments
 * outside the ranges that are stated for them are refused with an {@link IllegalArgumentException}
 * that names them.
 */
package io.github.djlspectral.layers.isometry;

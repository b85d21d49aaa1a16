/**
 * Optimizers that act on the singular values of a gradient, and what training with them needs.
 * Arguments outside the ranges that are stated for them are refused with an {@link
 * IllegalArgumentException} that names them.
 */
package io.github.djlspectral.optim;

/** Optimizers that act on the singular values of a gradient, and what training with them needs. */
package io.github.djlspectral.optim;

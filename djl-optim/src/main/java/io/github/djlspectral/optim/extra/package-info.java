/** Optimizers from the literature, each written against the public parts of {@code optim} alone. */
package io.github.djlspectral.optim.extra;

/** The random-feature experiment: optimizers with exact line search on a known quadratic. */
package io.github.djlspectral.examples.features;

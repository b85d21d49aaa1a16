package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.layers.isometry.Parametrization;

/**
 * What layers of all families are told.
 *
 * @param width n, the length of a vector
 * @param channels c, of an image
 * @param depth L, the number of layers
 * @param parametrization how weights stay orthogonal, where a family has such weights
 */
record LayerPlan(int width, int channels, int depth, Parametrization parametrization) {}

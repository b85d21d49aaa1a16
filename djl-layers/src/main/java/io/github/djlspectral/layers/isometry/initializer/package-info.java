/** Initializers that make layers of DJL's own isometric at first. */
package io.github.djlspectral.layers.isometry.initializer;

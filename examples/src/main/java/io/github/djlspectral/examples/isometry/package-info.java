/** Deep isometric networks and their baselines on images: what trains at which depth, and why. */
package io.github.djlspectral.examples.isometry;

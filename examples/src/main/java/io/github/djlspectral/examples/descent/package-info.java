/** How well an update direction suits the loss around the weights, measured and in closed form. */
package io.github.djlspectral.examples.descent;

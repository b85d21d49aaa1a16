/** A classifier of digits with attention as a gradient flow, beside one with ordinary attention. */
package io.github.djlspectral.examples.classify;

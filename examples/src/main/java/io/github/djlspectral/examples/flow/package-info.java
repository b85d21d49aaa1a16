/** The command that simulates attention as a gradient flow, measures it and draws it. */
package io.github.djlspectral.examples.flow;

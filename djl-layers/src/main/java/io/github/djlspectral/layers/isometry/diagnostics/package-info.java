/** What measures how far networks are from isometry: Jacobians, gradients by layer, shattering. */
package io.github.djlspectral.layers.isometry.diagnostics;

/** What an optimizer does to a matrix: spectra of momentum and update. */
package io.github.djlspectral.optim.diagnostics;

/** What an optimizer does to a matrix, and how well the update suits the loss around it. */
package io.github.djlspectral.optim.diagnostics;

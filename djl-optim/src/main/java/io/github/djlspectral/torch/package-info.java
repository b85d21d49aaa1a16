/** The bridge to native functions; the only package that touches classes of the PyTorch engine. */
package io.github.djlspectral.torch;

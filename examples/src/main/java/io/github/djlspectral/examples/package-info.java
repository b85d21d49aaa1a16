/** The command line. */
package io.github.djlspectral.examples;

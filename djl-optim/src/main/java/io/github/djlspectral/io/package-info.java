/** Files that are whole or not there, and arrays in files that Python reads too. */
package io.github.djlspectral.io;

/** What the experiments have in common: tables, pictures, results kept, statistics, time left. */
package io.github.djlspectral.examples.experiment;

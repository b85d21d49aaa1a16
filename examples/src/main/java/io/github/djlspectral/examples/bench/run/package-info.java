/** The command that runs the benchmarks in rounds, ours and Python's. */
package io.github.djlspectral.examples.bench.run;

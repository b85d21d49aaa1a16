/**
 * What a run of the benchmarks found: the file it is kept in, tables, pictures, fits, targets, and
 * the comparison with an older run.
 */
package io.github.djlspectral.examples.bench.report;

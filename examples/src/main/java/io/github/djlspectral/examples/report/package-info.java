/** What the experiments have in common when they write their results for people. */
package io.github.djlspectral.examples.report;

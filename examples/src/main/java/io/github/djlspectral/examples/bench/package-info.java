/** JMH benchmarks: what we ship against what a user would write or pick instead, in one run. */
package io.github.djlspectral.examples.bench;

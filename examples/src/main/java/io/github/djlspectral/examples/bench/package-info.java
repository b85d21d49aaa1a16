/**
 * What we ship against what a user would write or pick instead: what {@code tasks.txt} lists, and
 * Python, measured by JMH in rounds ({@code Rounds}), each result under its key ({@code
 * Suite.Key}), kept in {@code Results}, and shown by {@code Report}.
 */
package io.github.djlspectral.examples.bench;

/**
 * From a text to batches of tokens: tokenizers, memory-mapped token shards, named data sets with
 * their downloads, and deterministic batches.
 */
package io.github.djlspectral.examples.data;

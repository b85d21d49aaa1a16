/** Tokenizers, token shards and batches of them. */
package io.github.djlspectral.text;

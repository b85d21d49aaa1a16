/**
 * GPT-2 as a DJL block. Arguments outside the ranges that are stated for them are refused with an
 * {@link IllegalArgumentException} that names them.
 */
package io.github.djlspectral.layers.gpt;

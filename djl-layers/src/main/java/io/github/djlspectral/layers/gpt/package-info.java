/** GPT-2 as a DJL block. */
package io.github.djlspectral.layers.gpt;

/** Checkpoints in the Hugging Face layout: safetensors, {@code config.json}, tokenizer files. */
package io.github.djlspectral.hf;

/** Training, evaluating and sampling a GPT-2: the loop, its files, and how a run is resumed. */
package io.github.djlspectral.examples.gpt;

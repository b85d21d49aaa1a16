/** Text from a trained GPT-2: sampling, stop strings, streams, batches, and a DJL translator. */
package io.github.djlspectral.generate;

package io.github.djlspectral.text;

/**
 * Windows of tokens with what comes next, both in row-major order; do not change the arrays.
 *
 * @param batchSize the number of windows, B
 * @param contextLength the number of tokens in each, T
 * @param inputs tokens [B * T]
 * @param targets for each input token the one that follows it [B * T]
 */
public record TokenBatch(int batchSize, int contextLength, long[] inputs, long[] targets) {}

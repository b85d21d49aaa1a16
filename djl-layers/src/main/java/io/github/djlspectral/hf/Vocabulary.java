package io.github.djlspectral.hf;

import java.util.List;
import java.util.Map;

/**
 * The tables of a byte pair encoding as a checkpoint's files hold them.
 *
 * @param tokens the numbers of the tokens by their spelling
 * @param merges the pairs of spellings that become one token, first things first, each with a space
 *     between
 * @param byteLevel whether spellings are of bytes in GPT-2's alphabet, not of characters
 */
record Vocabulary(Map<String, Integer> tokens, List<String> merges, boolean byteLevel) {}

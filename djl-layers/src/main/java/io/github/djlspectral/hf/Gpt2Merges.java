package io.github.djlspectral.hf;

import io.github.djlspectral.text.Gpt2Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * GPT-2's vocabulary in the form that was published, computed from the tokens alone: they are
 * numbered in the order in which their merges were found, so the merge that makes a token is the
 * last one that its own bytes go through.
 */
final class Gpt2Merges {

    private static final int FIRST_MERGE = 256;

    private final List<byte[]> tokens = new ArrayList<>();
    private final Map<String, Integer> numbers = new HashMap<>();

    private Gpt2Merges() {
        Gpt2Tokenizer tokenizer = new Gpt2Tokenizer();
        for (int token = 0; token < tokenizer.vocabSize(); token++) {
            byte[] bytes = tokenizer.bytes(token);
            tokens.add(bytes);
            numbers.put(ByteAlphabet.encode(bytes, 0, bytes.length), token);
        }
    }

    /** Returns the tables. The first call takes a second. */
    static Vocabulary vocabulary() {
        return Tables.GPT2;
    }

    private static Vocabulary compute() {
        Gpt2Merges all = new Gpt2Merges();
        Map<String, Integer> tokens = new LinkedHashMap<>();
        List<String> merges = new ArrayList<>();
        for (int token = 0; token < all.tokens.size(); token++) {
            byte[] bytes = all.tokens.get(token);
            tokens.put(ByteAlphabet.encode(bytes, 0, bytes.length), token);
            if (token >= FIRST_MERGE && token != Gpt2Tokenizer.END_OF_TEXT) {
                merges.add(all.merge(bytes, token));
            }
        }
        return new Vocabulary(
                Collections.unmodifiableMap(tokens), Collections.unmodifiableList(merges), true);
    }

    /** Merges a token's bytes until two parts are left. */
    private String merge(byte[] bytes, int token) {
        List<String> parts = new ArrayList<>();
        for (int i = 0; i < bytes.length; i++) {
            parts.add(ByteAlphabet.encode(bytes, i, i + 1));
        }
        while (parts.size() > 2) {
            int first = firstMerge(parts, token);
            parts.set(first, parts.get(first) + parts.remove(first + 1));
        }
        return parts.get(0) + " " + parts.get(1);
    }

    /** Returns the place of the two neighbours that are merged first. */
    private int firstMerge(List<String> parts, int token) {
        int best = token;
        int place = -1;
        for (int i = 0; i + 1 < parts.size(); i++) {
            int number = numbers.getOrDefault(parts.get(i) + parts.get(i + 1), token);
            if (number < best) {
                best = number;
                place = i;
            }
        }
        if (place < 0) {
            throw new IllegalStateException("Token " + token + " is made of no two others");
        }
        return place;
    }

    /** Holds the tables so that they are computed once, and only when needed. */
    private static final class Tables {
        static final Vocabulary GPT2 = compute();
    }
}

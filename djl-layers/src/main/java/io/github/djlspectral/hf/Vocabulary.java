package io.github.djlspectral.hf;

import io.github.djlspectral.text.ByteTokenizer;
import io.github.djlspectral.text.Gpt2Tokenizer;
import io.github.djlspectral.text.Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The tables of a byte pair encoding as a checkpoint's files hold them.
 *
 * @param tokens the numbers of the tokens by their spelling
 * @param merges the pairs of spellings that become one token, first things first, each with a space
 *     between
 * @param byteLevel whether spellings are of bytes in GPT-2's alphabet, not of characters
 */
record Vocabulary(Map<String, Integer> tokens, List<String> merges, boolean byteLevel) {

    private static final int BYTES = 256;
    private static final char[] ALPHABET = alphabet();

    /** Returns the tables of a tokenizer. For GPT-2's, the first call takes a second. */
    static Vocabulary of(Tokenizer tokenizer) {
        if (tokenizer instanceof Gpt2Tokenizer) {
            return Tables.GPT2;
        }
        boolean bytes = tokenizer instanceof ByteTokenizer;
        Map<String, Integer> tokens = new LinkedHashMap<>();
        for (int token = 0; token < tokenizer.vocabSize(); token++) {
            String text = bytes ? spelling((byte) token) : tokenizer.decode(new int[] {token});
            tokens.put(text, token);
        }
        return new Vocabulary(tokens, List.of(), bytes);
    }

    /** Returns the text of vocab.json as it was published, to the byte: Python's JSON in ASCII. */
    String toJson() {
        return tokens.entrySet().stream()
                .map(entry -> '"' + ascii(entry.getKey()) + "\": " + entry.getValue())
                .collect(Collectors.joining(", ", "{", "}"));
    }

    private static String ascii(String text) {
        return text.replaceAll("[\"\\\\]", "\\\\$0")
                .chars()
                .mapToObj(c -> c > '~' ? String.format(Locale.ROOT, "\\u%04x", c) : "" + (char) c)
                .collect(Collectors.joining());
    }

    /** Spells bytes with one visible character each. */
    private static String spelling(byte... bytes) {
        StringBuilder text = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            text.append(ALPHABET[Byte.toUnsignedInt(b)]);
        }
        return text.toString();
    }

    /** Bytes that are visible in Latin-1 stand for themselves, others for those from U+0100 on. */
    private static char[] alphabet() {
        char[] characters = new char[BYTES];
        char next = BYTES;
        for (int b = 0; b < BYTES; b++) {
            boolean visible = b >= '!' && b <= '~' || b >= '\u00a1' && b != '\u00ad';
            characters[b] = visible ? (char) b : next++;
        }
        return characters;
    }

    /** GPT-2's tables, computed once, when needed, from its tokens alone. */
    private static final class Tables {
        static final Vocabulary GPT2 = compute();

        private static Vocabulary compute() {
            Gpt2Tokenizer tokenizer = new Gpt2Tokenizer();
            Map<String, Integer> tokens = new LinkedHashMap<>();
            for (int token = 0; token < tokenizer.vocabSize(); token++) {
                tokens.put(spelling(tokenizer.bytes(token)), token);
            }
            List<String> merges =
                    tokens.keySet().stream()
                            .skip(BYTES)
                            .limit(Gpt2Tokenizer.END_OF_TEXT - BYTES)
                            .map(text -> merge(text, tokens))
                            .toList();
            return new Vocabulary(Collections.unmodifiableMap(tokens), merges, true);
        }

        /**
         * Merges a token's bytes until two parts are left. As tokens are numbered in the order in
         * which their merges were found, what makes a token is the last merge of its own bytes.
         */
        private static String merge(String text, Map<String, Integer> tokens) {
            List<String> parts = new ArrayList<>(List.of(text.split("")));
            while (parts.size() > 2) {
                int best = tokens.get(text);
                int place = -1;
                for (int i = 0; i + 1 < parts.size(); i++) {
                    int number = tokens.getOrDefault(parts.get(i) + parts.get(i + 1), best);
                    if (number < best) {
                        best = number;
                        place = i;
                    }
                }
                parts.set(place, parts.get(place) + parts.remove(place + 1));
            }
            return String.join(" ", parts);
        }
    }
}

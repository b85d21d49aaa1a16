package io.github.djlspectral.hf;

import com.google.gson.FormattingStyle;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The tables of a byte pair encoding: the numbers of the tokens by their spelling; the pairs of
 * spellings that become one token, first things first, each with a space between; and whether
 * spellings are of bytes in GPT-2's alphabet, not of characters.
 */
record Vocabulary(Map<String, Integer> tokens, List<String> merges, boolean byteLevel) {

    private static final int BYTES = 256;

    /** Returns the tables of a tokenizer. For GPT-2's, the first call takes a second. */
    static Vocabulary of(Tokenizer tokenizer) {
        return tokenizer.tokenization().isGpt2()
                ? Tables.GPT2
                : new Vocabulary(
                        tokens(tokenizer),
                        List.of(),
                        tokenizer.tokenization() == Tokenization.BYTES);
    }

    private static Map<String, Integer> tokens(Tokenizer tokenizer) {
        Map<String, Integer> tokens = new LinkedHashMap<>();
        for (int token = 0; token < tokenizer.vocabSize(); token++) {
            String text =
                    tokenizer.tokenization() == Tokenization.CHARS
                            ? tokenizer.decode(new int[] {token})
                            : spelling(tokenizer.bytes(token));
            tokens.put(text, token);
        }
        return Collections.unmodifiableMap(tokens);
    }

    /** Returns the text of vocab.json as it was published, to the byte: Python's JSON in ASCII. */
    String toJson() {
        FormattingStyle python = FormattingStyle.COMPACT.withSpaceAfterSeparators(true);
        String json = JsonFile.GSON.newBuilder().setFormattingStyle(python).create().toJson(tokens);
        return Pattern.compile("[^ -~]")
                .matcher(json)
                .replaceAll(c -> "\\\\u%04x".formatted((int) c.group().charAt(0)));
    }

    private static String spelling(byte... bytes) {
        StringBuilder text = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            text.append(letter(Byte.toUnsignedInt(b)));
        }
        return text.toString();
    }

    /** Bytes that are visible in Latin-1 stand for themselves, others for those from U+0100 on. */
    private static char letter(int b) {
        boolean control = b > '~' && b <= '\u00a0';
        int hidden = b <= ' ' ? b : control ? b - '~' + ' ' : b == '\u00ad' ? 33 + 34 : -1;
        return (char) (hidden < 0 ? b : BYTES + hidden);
    }

    /** GPT-2's tables, computed once, when needed, from its tokens alone. */
    private static final class Tables {
        static final Vocabulary GPT2 = gpt2();
    }

    private static Vocabulary gpt2() {
        Map<String, Integer> tokens = tokens(Tokenization.GPT2.tokenizerFor(""));
        List<String> merges =
                tokens.keySet().stream()
                        .skip(BYTES)
                        .limit(Tokenizer.END_OF_TEXT - BYTES)
                        .map(text -> merge(text, tokens))
                        .toList();
        return new Vocabulary(tokens, merges, true);
    }

    /**
     * Merges a token's bytes until two parts are left. As tokens are numbered in the order in which
     * their merges were found, what makes a token is the last merge of its own bytes.
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

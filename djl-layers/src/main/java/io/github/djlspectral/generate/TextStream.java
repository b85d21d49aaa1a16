package io.github.djlspectral.generate;

import io.github.djlspectral.text.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Turns tokens, one at a time, into text that ends before a stop string. What is passed on is whole
 * characters and never part of a stop string: text that may become either is held back.
 */
final class TextStream {

    /** What incomplete UTF-8 at the end decodes to, once however many bytes there are. */
    private static final String INCOMPLETE = "\uFFFD";

    private final Tokenizer tokenizer;
    private final List<String> stops;
    private final Consumer<String> sink;
    private final StringBuilder text = new StringBuilder();

    /** Tokens since a character last ended with a token, and the length of their text used. */
    private int[] tokens = {};

    private int used;

    /** Text that may be the beginning of a stop string. */
    private String held = "";

    private boolean stopped;

    TextStream(Tokenizer tokenizer, List<String> stops, Consumer<String> sink) {
        this.tokenizer = tokenizer;
        this.stops = stops;
        this.sink = sink;
    }

    /** Takes the next token; returns false if the text has now ended with a stop string. */
    boolean accept(int token) {
        tokens = Arrays.copyOf(tokens, tokens.length + 1);
        tokens[tokens.length - 1] = token;
        String decoded = tokenizer.decode(tokens);
        boolean incomplete = decoded.endsWith(INCOMPLETE);
        int whole = decoded.length() - (incomplete ? 1 : 0);
        append(decoded.substring(used, whole));
        used = whole;
        if (!incomplete) {
            tokens = new int[0];
            used = 0;
        }
        return !stopped;
    }

    /** Passes on what was held back: no more tokens follow. */
    void finish() {
        if (!stopped) {
            append(tokenizer.decode(tokens).substring(used));
        }
        if (!stopped) {
            emit(held);
            held = "";
        }
    }

    /** Returns all text passed on so far. */
    String text() {
        return text.toString();
    }

    private void append(String piece) {
        held += piece;
        int start = 0;
        int end = Integer.MAX_VALUE;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            int last = at + stop.length();
            // The one that is complete first, wherever tokens end; of several, the longest.
            if (at >= 0 && (last < end || last == end && at < start)) {
                start = at;
                end = last;
            }
        }
        stopped = end != Integer.MAX_VALUE;
        int safe = stopped ? start : held.length() - longestBeginning();
        emit(held.substring(0, safe));
        held = held.substring(safe);
    }

    /** Returns the length of the longest end of the held text that begins a stop string. */
    private int longestBeginning() {
        int longest = 0;
        for (String stop : stops) {
            int length = Math.min(stop.length() - 1, held.length());
            while (!held.endsWith(stop.substring(0, length))) {
                length--;
            }
            longest = Math.max(longest, length);
        }
        return longest;
    }

    private void emit(String piece) {
        if (!piece.isEmpty()) {
            text.append(piece);
            sink.accept(piece);
        }
    }
}

package io.github.djlspectral.generate;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.djlspectral.text.Tokenizer;
import java.io.ByteArrayOutputStream;
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

    /** Bytes since a character last ended with a token, and the length of their text used. */
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

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
        bytes.writeBytes(tokenizer.bytes(token));
        String decoded = bytes.toString(UTF_8);
        boolean incomplete = decoded.endsWith(INCOMPLETE);
        int whole = decoded.length() - (incomplete ? 1 : 0);
        append(decoded.substring(used, whole));
        used = incomplete ? whole : 0;
        if (!incomplete) {
            bytes.reset();
        }
        return !stopped;
    }

    /** Passes on what was held back: no more tokens follow. */
    void finish() {
        if (!stopped) {
            append(bytes.toString(UTF_8).substring(used));
            emit(stopped ? "" : held);
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
        int safe = start;
        while (!stopped && safe < held.length() && !mayBeStop(held.substring(safe))) {
            safe++;
        }
        emit(held.substring(0, safe));
        held = held.substring(safe);
    }

    private boolean mayBeStop(String end) {
        return stops.stream().anyMatch(stop -> stop.startsWith(end));
    }

    private void emit(String piece) {
        if (!piece.isEmpty()) {
            text.append(piece);
            sink.accept(piece);
        }
    }
}

package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A text to learn from, of which the beginning may be a prompt, which is read but not learned;
 * {@link TokenShard#write(java.nio.file.Path, List, Tokenizer)} makes tokens of records.
 *
 * @param prompt what is given; empty if all is to be learned
 * @param completion what is to be learned. It follows the prompt at once, so that it begins with a
 *     space where there is to be one
 */
public record TextRecord(String prompt, String completion) {

    private static final String FORMS =
            "write {\"prompt\": \"..\", \"completion\": \"..\"} or {\"text\": \"..\"}";

    /**
     * Checks the text.
     *
     * @param prompt what is given
     * @param completion what is to be learned
     * @throws BadInputException if both are empty
     */
    public TextRecord {
        boolean empty = prompt.isEmpty() && completion.isEmpty();
        unless(!empty, "The record is empty: there is nothing to learn");
    }

    /**
     * {@return the records of JSON lines, in their order} A line is an object with the strings
     * {@code prompt} and {@code completion}, or with {@code text}, all of which is learned; blank
     * lines are passed over.
     *
     * @param lines the lines, of either form each
     * @param origin where they are from, for messages
     * @throws BadInputException if a line is neither, with its number, or there is no record
     */
    public static List<TextRecord> parse(String lines, String origin) {
        List<TextRecord> records = new ArrayList<>();
        int number = 0;
        for (String line : (Iterable<String>) lines.lines()::iterator) {
            number++;
            if (!line.isBlank()) {
                String place = origin + ", line " + number + ": ";
                try {
                    records.add(of(line));
                } catch (BadInputException e) {
                    throw new BadInputException(place + e.getMessage(), e);
                } catch (IOException | IllegalStateException e) { // Gson's
                    throw new BadInputException(place + "it is not one JSON object: " + FORMS, e);
                }
            }
        }
        unless(!records.isEmpty(), "%s has no records: %s, one a line", origin, FORMS);
        return records;
    }

    private static TextRecord of(String line) throws IOException {
        Map<String, String> values = new HashMap<>();
        JsonReader json = new JsonReader(new StringReader(line));
        json.setStrictness(Strictness.STRICT);
        json.beginObject();
        while (json.hasNext()) {
            String key = json.nextName();
            boolean known = Set.of("prompt", "completion", "text").contains(key);
            unless(known, "unknown key '%s': %s", key, FORMS);
            boolean string = json.peek() == JsonToken.STRING;
            unless(string, "'%s' is %s, but must be a string", key, json.peek());
            String value = json.nextString();
            boolean whole = StandardCharsets.UTF_8.newEncoder().canEncode(value);
            unless(whole, "'%s' has half a surrogate pair: leave it out", key);
            unless(values.put(key, value) == null, "'%s' is there twice", key);
        }
        json.endObject();
        json.peek(); // fails if anything follows
        boolean text = values.containsKey("text");
        boolean complete = values.keySet().equals(Set.of("prompt", "completion"));
        unless(
                text ? values.size() == 1 : complete,
                "it has the keys %s: %s",
                values.keySet(),
                FORMS);
        return text
                ? new TextRecord("", values.get("text"))
                : new TextRecord(values.get("prompt"), values.get("completion"));
    }

    /** Returns the tokens, the last of which is an end of text, and their marks. */
    int[][] encode(Tokenizer tokenizer, int... end) {
        int[] given = tokenizer.encode(prompt);
        int[] learned = tokenizer.encode(completion);
        int[] tokens = Stream.of(given, learned, end).flatMapToInt(Arrays::stream).toArray();
        int[] marks = new int[tokens.length];
        Arrays.fill(marks, given.length, tokens.length - 1, TokenShard.LEARNED);
        marks[tokens.length - 1] = TokenShard.ENDS;
        return new int[][] {tokens, marks};
    }
}

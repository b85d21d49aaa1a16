package io.github.djlspectral.hf;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.ByteTokenizer;
import io.github.djlspectral.text.CharTokenizer;
import io.github.djlspectral.text.Gpt2Tokenizer;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Finds out which of our tokenizers is the one of a checkpoint's files. None of these files is
 * trusted: their tables must be equal to a tokenizer's, entry by entry.
 */
final class TokenizerFiles {

    static final String VOCABULARY = "vocab.json";
    static final String MERGES = "merges.txt";
    static final String TOKENIZER = "tokenizer.json";
    private static final String MERGES_VERSION = "#version";

    private TokenizerFiles() {}

    /**
     * Reads the tokenizer of a checkpoint.
     *
     * @param directory has tokenizer.json, or vocab.json and merges.txt
     * @param vocabSize the model's number of tokens, which may be padded
     * @param unused receives the tokens that no text is encoded to
     * @throws BadInputException if files are missing or damaged, the tokenizer is none of ours, or
     *     the files ask for something that would make other tokens
     */
    static Tokenizer read(Path directory, int vocabSize, Set<String> unused) {
        Map<String, Integer> added = TokenizerSteps.added(directory);
        Vocabulary vocabulary = vocabulary(directory);
        added.remove(Gpt2Tokenizer.END_OF_TEXT_MARK, Gpt2Tokenizer.END_OF_TEXT);
        vocabulary.tokens().entrySet().removeAll(added.entrySet());
        added.forEach((token, number) -> unused.add("token " + token + " (" + number + ")"));
        Tokenizer tokenizer = tokenizer(directory, vocabulary);
        if (tokenizer.vocabSize() > vocabSize) {
            throw new BadInputException(
                    "The tokenizer in "
                            + directory
                            + " has "
                            + tokenizer.vocabSize()
                            + " tokens, but the model "
                            + vocabSize
                            + ": they do not belong together");
        }
        return tokenizer;
    }

    private static Tokenizer tokenizer(Path directory, Vocabulary vocabulary) {
        if (isGpt2(vocabulary)) {
            return new Gpt2Tokenizer();
        }
        if (vocabulary.equals(TokenizerFilesWriter.vocabulary(new ByteTokenizer()))) {
            return new ByteTokenizer();
        }
        if (areCharacters(vocabulary)) {
            return CharTokenizer.of(String.join("", vocabulary.tokens().keySet()));
        }
        throw new BadInputException(
                "The tokenizer in "
                        + directory
                        + " ("
                        + vocabulary.tokens().size()
                        + " tokens, "
                        + vocabulary.merges().size()
                        + " merges) is not supported: only GPT-2's own 50257 tokens, the 256 bytes,"
                        + " and characters in ascending order are");
    }

    /** The Python library prefers the single file too. */
    private static Vocabulary vocabulary(Path directory) {
        Path json = directory.resolve(TOKENIZER);
        if (Files.exists(json)) {
            return vocabulary(JsonFile.read(json));
        }
        Path single = directory.resolve(VOCABULARY);
        if (!Files.exists(single)) {
            throw new BadInputException(
                    directory
                            + " has no tokenizer: neither "
                            + VOCABULARY
                            + " and "
                            + MERGES
                            + " nor "
                            + TOKENIZER);
        }
        return new Vocabulary(
                numbers(JsonFile.read(single).object(), single),
                merges(directory.resolve(MERGES)),
                true);
    }

    private static Vocabulary vocabulary(JsonFile json) {
        JsonObject model = json.requireObject("model");
        JsonFile inner = new JsonFile(json.path(), model);
        Map<String, Integer> tokens = numbers(inner.requireObject("vocab"), json.path());
        JsonElement merges = model.get("merges");
        if (!(merges instanceof JsonArray array)) {
            throw new BadInputException(
                    json.path() + " has no list of merges, so it is no byte pair encoding");
        }
        List<String> pairs = new ArrayList<>();
        for (JsonElement merge : array) {
            pairs.add(pair(merge, json.path()));
        }
        return new Vocabulary(tokens, pairs, TokenizerSteps.byteLevel(json, !pairs.isEmpty()));
    }

    /** Older files have "a b", newer ones ["a", "b"]. */
    private static String pair(JsonElement merge, Path path) {
        if (merge.isJsonPrimitive()) {
            return merge.getAsString();
        }
        if (merge instanceof JsonArray pair
                && pair.size() == 2
                && pair.get(0).isJsonPrimitive()
                && pair.get(1).isJsonPrimitive()) {
            return pair.get(0).getAsString() + " " + pair.get(1).getAsString();
        }
        throw new BadInputException(path + " has " + merge + " among its merges, which is no pair");
    }

    private static Map<String, Integer> numbers(JsonObject object, Path path) {
        Map<String, Integer> numbers = new HashMap<>();
        for (Map.Entry<String, JsonElement> entry : object.entrySet()) {
            try {
                numbers.put(entry.getKey(), entry.getValue().getAsInt());
            } catch (NumberFormatException
                    | UnsupportedOperationException
                    | IllegalStateException e) {
                throw new BadInputException(
                        path + " has no number for the token '" + entry.getKey() + "'", e);
            }
        }
        return numbers;
    }

    private static List<String> merges(Path path) {
        try {
            return Files.readAllLines(path).stream()
                    .filter(line -> !line.startsWith(MERGES_VERSION) && !line.isEmpty())
                    .toList();
        } catch (IOException e) {
            throw new BadInputException("Cannot read the tokenizer's " + path + " (" + e + ")", e);
        }
    }

    private static boolean isGpt2(Vocabulary vocabulary) {
        return vocabulary.tokens().size() == Gpt2Tokenizer.END_OF_TEXT + 1
                && vocabulary.equals(Gpt2Merges.vocabulary());
    }

    /** Tells whether the tokens are single characters, numbered in their order. */
    private static boolean areCharacters(Vocabulary vocabulary) {
        if (vocabulary.byteLevel() || !vocabulary.merges().isEmpty()) {
            return false;
        }
        List<String> sorted =
                vocabulary.tokens().entrySet().stream()
                        .sorted(Map.Entry.comparingByValue())
                        .map(Map.Entry::getKey)
                        .toList();
        return sorted.stream().allMatch(token -> token.codePointCount(0, token.length()) == 1)
                && IntStream.range(0, sorted.size())
                        .allMatch(i -> vocabulary.tokens().get(sorted.get(i)) == i)
                && IntStream.range(1, sorted.size())
                        .allMatch(
                                i ->
                                        sorted.get(i - 1).codePointAt(0)
                                                < sorted.get(i).codePointAt(0));
    }
}

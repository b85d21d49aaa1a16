package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * A data set ready to train on.
 *
 * @param name what was asked for, and how it was split where that is not obvious; for people
 * @param tokenizer the tokenizer that made the tokens
 * @param train the shards to train on, at least one
 * @param validation the shards to validate on, at least one
 * @param bytesPerToken UTF-8 bytes of validation text per validation token; a loss in nats per
 *     token is {@code loss / ln 2 / bytesPerToken} bits per byte
 */
public record Corpus(
        String name,
        Tokenizer tokenizer,
        List<TokenShard> train,
        List<TokenShard> validation,
        double bytesPerToken)
        implements AutoCloseable {

    private static final int SAMPLE_TOKENS = 1 << 18;

    /** Where a corpus comes from, found and complete on this machine. */
    sealed interface Source {

        /** Names the source to people. */
        String name();
    }

    /** Texts still to be tokenized; neither is empty. */
    record Texts(String name, String train, String validation) implements Source {

        /** Holds out the last tenth of the characters, as nanoGPT does, for validation. */
        static Texts split(String name, String text) {
            int cut = (int) (text.length() * 9L / 10);
            if (cut > 0 && Character.isHighSurrogate(text.charAt(cut - 1))) {
                cut--;
            }
            BadInputException.unless(
                    cut > 0, "%s is too short to train and validate on: give a longer text", name);
            return new Texts(name, text.substring(0, cut), text.substring(cut));
        }
    }

    /** Files of tokens; where none is for validation, the last tenth of the tokens is held out. */
    record Shards(String name, List<Path> train, List<Path> validation) implements Source {

        Corpus open(Tokenizer tokenizer) {
            List<TokenShard> forTraining = open(train, tokenizer);
            List<TokenShard> unseen = open(validation, tokenizer);
            if (unseen.isEmpty()) {
                long total = length(forTraining);
                long cut = total - total / 10;
                BadInputException.unless(
                        cut < total, "%s has only %s tokens: give more", name, total);
                unseen = range(forTraining, cut, total);
                forTraining = range(forTraining, 0, cut);
            }
            sample(forTraining.get(0)); // tokens of another vocabulary fail here, not in training
            double bytes = bytesPerToken(unseen.get(0), tokenizer);
            return new Corpus(name, tokenizer, forTraining, unseen, bytes);
        }

        private static List<TokenShard> open(List<Path> files, Tokenizer tokenizer) {
            return files.stream().map(f -> TokenShard.open(f, tokenizer.vocabSize())).toList();
        }

        /** Returns the tokens from one position to another, counted over all shards. */
        private static List<TokenShard> range(List<TokenShard> shards, long from, long to) {
            List<TokenShard> parts = new ArrayList<>();
            long begin = 0;
            for (TokenShard shard : shards) {
                long first = Math.max(0, from - begin);
                long end = Math.min(shard.length(), to - begin);
                if (first < end) {
                    parts.add(shard.slice(first, end));
                }
                begin += shard.length();
            }
            return parts;
        }

        private static int[] sample(TokenShard shard) {
            int[] tokens = new int[(int) Math.min(SAMPLE_TOKENS, shard.length())];
            shard.read(0, tokens);
            return tokens;
        }

        /** Measured on the beginning of a shard; the mark between documents has no bytes. */
        private static double bytesPerToken(TokenShard shard, Tokenizer tokenizer) {
            int[] tokens = sample(shard);
            int[] text =
                    Arrays.stream(tokens).filter(t -> !tokenizer.endOfText().contains(t)).toArray();
            int bytes = tokenizer.decode(text).getBytes(StandardCharsets.UTF_8).length;
            return (double) bytes / tokens.length;
        }
    }

    /** Describes the corpus in one line: name, numbers of tokens, tokenizer and vocabulary. */
    public String description() {
        return String.format(
                Locale.ROOT,
                "%s: %,d training and %,d validation tokens (%s, vocabulary %,d, %.2f bytes per"
                        + " token)",
                name,
                trainTokens(),
                validationTokens(),
                tokenizer.name(),
                tokenizer.vocabSize(),
                bytesPerToken);
    }

    long trainTokens() {
        return length(train);
    }

    long validationTokens() {
        return length(validation);
    }

    private static long length(List<TokenShard> shards) {
        return shards.stream().mapToLong(TokenShard::length).sum();
    }

    /** Closes the shards. */
    @Override
    public void close() {
        train.forEach(TokenShard::close);
        validation.forEach(TokenShard::close);
    }
}

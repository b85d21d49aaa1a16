package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
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

    /**
     * Copies the lists.
     *
     * @param name what was asked for
     * @param tokenizer the tokenizer that made the tokens
     * @param train the shards to train on
     * @param validation the shards to validate on
     * @param bytesPerToken UTF-8 bytes of validation text per validation token
     */
    public Corpus {
        train = List.copyOf(train);
        validation = List.copyOf(validation);
    }

    /**
     * Returns the number of tokens to train on.
     *
     * @return at least 1
     */
    public long trainTokens() {
        return train.stream().mapToLong(TokenShard::length).sum();
    }

    /**
     * Returns the number of tokens to validate on.
     *
     * @return at least 1
     */
    public long validationTokens() {
        return validation.stream().mapToLong(TokenShard::length).sum();
    }

    /**
     * Describes the corpus in one line.
     *
     * @return name, numbers of tokens, tokenizer and vocabulary
     */
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

    /** Closes the shards. */
    @Override
    public void close() {
        train.forEach(TokenShard::close);
        validation.forEach(TokenShard::close);
    }
}

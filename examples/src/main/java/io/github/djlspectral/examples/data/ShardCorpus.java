package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes a corpus of files that hold tokens already. */
final class ShardCorpus {

    private static final int SAMPLE_TOKENS = 1 << 18;

    private ShardCorpus() {}

    static Corpus open(Source.Shards source, Tokenizer tokenizer) {
        List<TokenShard> train = open(source.train(), tokenizer);
        List<TokenShard> validation = open(source.validation(), tokenizer);
        if (validation.isEmpty()) {
            long total = train.stream().mapToLong(TokenShard::length).sum();
            long cut = total - total / 10;
            if (cut == total) {
                throw new BadInputException(
                        source.name() + " has only " + total + " tokens: give more");
            }
            validation = range(train, cut, total);
            train = range(train, 0, cut);
        }
        sample(train.get(0)); // tokens of another vocabulary fail here, not during training
        return new Corpus(
                source.name(),
                tokenizer,
                train,
                validation,
                bytesPerToken(validation.get(0), tokenizer));
    }

    private static List<TokenShard> open(List<Path> files, Tokenizer tokenizer) {
        return files.stream().map(file -> TokenShard.open(file, tokenizer.vocabSize())).toList();
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

    /** Measured on the beginning of a shard; the mark between documents stands for no bytes. */
    private static double bytesPerToken(TokenShard shard, Tokenizer tokenizer) {
        int[] tokens = sample(shard);
        int[] text =
                Arrays.stream(tokens).filter(t -> !tokenizer.endOfText().contains(t)).toArray();
        int bytes = tokenizer.decode(text).getBytes(StandardCharsets.UTF_8).length;
        return (double) bytes / tokens.length;
    }
}

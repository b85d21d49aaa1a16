package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.PrintStream;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.commons.codec.binary.Hex;
import org.apache.commons.codec.digest.DigestUtils;

/**
 * A data set ready to train on.
 *
 * @param name what was asked for, and how it was split where that is not obvious; for people
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

    /** Describes the corpus in one line: name, numbers of tokens, tokenizer and vocabulary. */
    public String description() {
        String counts = "%s: %,d training and %,d validation tokens";
        String cut = " (%s, vocabulary %,d, %.2f bytes per token)";
        int vocabulary = tokenizer.vocabSize();
        return String.format(Locale.ROOT, counts, name, length(train), length(validation))
                + String.format(Locale.ROOT, cut, tokenizer.name(), vocabulary, bytesPerToken);
    }

    static long length(List<TokenShard> shards) {
        return shards.stream().mapToLong(TokenShard::length).sum();
    }

    /** Closes the shards. */
    @Override
    public void close() {
        train.forEach(TokenShard::close);
        validation.forEach(TokenShard::close);
    }

    /** Where a corpus comes from, found and complete on this machine. */
    sealed interface Source {}

    /** Texts still to be tokenized; neither is empty. */
    record Texts(String name, String train, String validation) implements Source {

        /** Holds out the last tenth of the characters, as nanoGPT does, for validation. */
        static Texts split(String name, String text) {
            int cut = (int) (text.length() * 9L / 10);
            if (cut > 0 && Character.isHighSurrogate(text.charAt(cut - 1))) {
                cut--;
            }
            unless(cut > 0, "%s is too short to train and validate on: give a longer text", name);
            return new Texts(name, text.substring(0, cut), text.substring(cut));
        }

        /** Opens the tokens, which have a folder in the cache; makes them where need be. */
        Corpus open(Tokenizer tokenizer, Path cache, PrintStream messages) {
            String file = name.replaceFirst("(?s).*[/\\\\](?=.)", "");
            String label = file.replaceAll("[^A-Za-z0-9._]+", "-").replaceFirst("(.{24}).*", "$1");
            Path folder = cache.resolve(label + "-" + key(tokenizer)); // the key alone is unique
            Path first = folder.resolve("train.bin");
            Path last = folder.resolve("validation.bin");
            if (Stream.of(first, last).anyMatch(f -> Downloader.noShard(f).isPresent())) {
                String message = "Tokenizing %s (%,d characters, %s) into %s%n";
                long characters = (long) train.length() + validation.length();
                messages.printf(Locale.ROOT, message, name, characters, tokenizer.name(), folder);
                TokenShard.write(first, tokenizer.encode(train));
                TokenShard.write(last, tokenizer.encode(validation));
            }
            List<TokenShard> forTraining = Shards.open(List.of(first), tokenizer);
            List<TokenShard> unseen = Shards.open(List.of(last), tokenizer);
            boolean marked = tokenizer.tokenization() == Tokenization.GPT2_EOT;
            String mark = marked ? Tokenizer.END_OF_TEXT_MARK : ""; // has no bytes
            double bytes = validation.replace(mark, "").getBytes(UTF_8).length;
            return new Corpus(name, tokenizer, forTraining, unseen, bytes / length(unseen));
        }

        private String key(Tokenizer tokenizer) {
            MessageDigest digest = DigestUtils.getSha256Digest();
            for (String part : List.of(tokenizer.toJson(), train, validation)) {
                byte[] bytes = part.getBytes(UTF_8);
                digest.update((bytes.length + ":").getBytes(UTF_8)); // so that borders count
                digest.update(bytes);
            }
            return Hex.encodeHexString(digest.digest()).substring(0, 16);
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
                unless(cut < total, "%s has only %s tokens: give more", name, total);
                unseen = range(forTraining, cut, total);
                forTraining = range(forTraining, 0, cut);
            }
            sample(forTraining.get(0)); // tokens of another vocabulary fail here, not in training
            int[] tokens = sample(unseen.get(0));
            List<Integer> marks = tokenizer.endOfText(); // between documents; they have no bytes
            int[] text = Arrays.stream(tokens).filter(t -> !marks.contains(t)).toArray();
            double bytes = tokenizer.decode(text).getBytes(UTF_8).length;
            return new Corpus(name, tokenizer, forTraining, unseen, bytes / tokens.length);
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
            int[] tokens = new int[(int) Math.min(1 << 18, shard.length())];
            shard.read(0, tokens);
            return tokens;
        }
    }
}

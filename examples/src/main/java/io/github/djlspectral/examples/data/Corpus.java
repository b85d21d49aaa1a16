package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.util.JsonUtils;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TextRecord;
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
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.commons.codec.binary.Hex;
import org.apache.commons.codec.digest.DigestUtils;

/**
 * A data set ready to train on.
 *
 * @param name what was asked for, and how it was split where that is not obvious; for people
 * @param bytesPerToken UTF-8 bytes of validation text per validation token; a loss in nats per
 *     token is {@code loss / ln 2 / bytesPerToken} bits per byte
 * @param cluster where the shards are, if Hadoop reaches them; else null
 */
public record Corpus(
        String name,
        Tokenizer tokenizer,
        List<TokenShard> train,
        List<TokenShard> validation,
        double bytesPerToken,
        HadoopShards cluster)
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

    /**
     * Returns the part of one of some workers: each n-th shard, or if there is only one, its n-th
     * part, which ends with a record if there are any.
     */
    public Corpus share(int worker, int workers) {
        IntStream each = IntStream.iterate(worker, i -> i < train.size(), i -> i + workers);
        List<TokenShard> own =
                train.size() > 1
                        ? each.mapToObj(train::get).toList()
                        : List.of(train.get(0).part(worker, workers));
        return new Corpus(name, tokenizer, own, validation, bytesPerToken, cluster);
    }

    /** Returns what changes with the data: the number of tokens and the checksum of each shard. */
    public String checksum() {
        return cluster == null
                ? "crc32c " + checksum(train) + " / " + checksum(validation)
                : cluster.checksum();
    }

    private static String checksum(List<TokenShard> split) {
        return split.stream()
                .map(shard -> shard.length() + ":" + Long.toHexString(shard.checksum()))
                .collect(Collectors.joining(" "));
    }

    /** Closes the shards. */
    @Override
    public void close() {
        train.forEach(TokenShard::close);
        validation.forEach(TokenShard::close);
    }

    /**
     * Returns the tokens with which samples begin: the first prompt of the records for validation,
     * else the first tokens.
     */
    public int[] prompt() {
        TokenShard unseen = validation.get(0);
        LongPredicate given = token -> !unseen.isLearned(token);
        long end = unseen.hasRecords() ? unseen.length() : 0;
        long first = LongStream.range(0, end).filter(given).findFirst().orElse(end);
        long length = LongStream.range(first, end).takeWhile(given).count();
        int[] prompt = new int[(int) (length > 0 ? length : Math.min(16, unseen.length()))];
        unseen.read(length > 0 ? first : 0, prompt);
        return prompt;
    }

    /** Where a corpus comes from, found and complete on this machine. */
    sealed interface Source permits Corpus.Texts, Corpus.Records, Corpus.Shards, HadoopShards {

        String name();

        /** Returns all of its characters; none if they are not known. */
        String characters();

        /** Opens the tokens, which have a folder in the cache; makes them where need be. */
        Corpus open(Tokenizer tokenizer, Path cache, PrintStream messages);

        /**
         * Opens tokens that are made if they are not there yet.
         *
         * @param contents all that they depend on beside the tokenizer
         * @param train writes those to train on
         * @param bytes of UTF-8 to be predicted in the validation text
         */
        default Corpus cached(
                Tokenizer tokenizer,
                Path cache,
                PrintStream messages,
                List<String> contents,
                Consumer<Path> train,
                Consumer<Path> validation,
                double bytes) {
            String file = name().replaceFirst("(?s).*[/\\\\](?=.)", "");
            String label = file.replaceAll("[^A-Za-z0-9._]+", "-").replaceFirst("(.{24}).*", "$1");
            String key = key(tokenizer, contents); // the key alone is unique
            Path folder = cache.resolve(label + "-" + key);
            Path first = folder.resolve("train.bin");
            Path last = folder.resolve("validation.bin");
            if (Stream.of(first, last).anyMatch(f -> Downloader.noShard(f).isPresent())) {
                String message = "Tokenizing %s (%,d characters, %s) into %s%n";
                int characters = characters().length();
                messages.printf(Locale.ROOT, message, name(), characters, tokenizer.name(), folder);
                train.accept(first);
                validation.accept(last);
            }
            List<TokenShard> forTraining = Shards.open(List.of(first), tokenizer);
            List<TokenShard> unseen = Shards.open(List.of(last), tokenizer);
            TokenShard all = unseen.get(0);
            long predicted = LongStream.range(0, all.length()).filter(all::isLearned).count();
            return new Corpus(name(), tokenizer, forTraining, unseen, bytes / predicted, null);
        }

        private static String key(Tokenizer tokenizer, List<String> contents) {
            MessageDigest digest = DigestUtils.getSha256Digest();
            List<String> parts = new ArrayList<>(contents);
            parts.add(0, tokenizer.toJson());
            for (String part : parts) {
                byte[] bytes = part.getBytes(UTF_8);
                digest.update((bytes.length + ":").getBytes(UTF_8)); // so that borders count
                digest.update(bytes);
            }
            return Hex.encodeHexString(digest.digest()).substring(0, 16);
        }
    }

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

        @Override
        public String characters() {
            return train + validation;
        }

        @Override
        public Corpus open(Tokenizer tokenizer, Path cache, PrintStream messages) {
            boolean marked = tokenizer.tokenization() == Tokenization.GPT2_EOT;
            String mark = marked ? Tokenizer.END_OF_TEXT_MARK : ""; // has no bytes
            return cached(
                    tokenizer,
                    cache,
                    messages,
                    List.of(train, validation),
                    file -> TokenShard.write(file, tokenizer.encode(train)),
                    file -> TokenShard.write(file, tokenizer.encode(validation)),
                    validation.replace(mark, "").getBytes(UTF_8).length);
        }
    }

    /** Records still to be tokenized; where a tokenizer has no end of text, it is U+0000. */
    record Records(String name, List<TextRecord> train, List<TextRecord> validation)
            implements Source {

        private static final String END = "\0";

        /** Holds out the last tenth of the records, at least one, for validation. */
        static Records split(String name, List<TextRecord> all) {
            int cut = (int) (all.size() * 9L / 10);
            unless(cut > 0, "%s has one record: give more, to train and to validate on", name);
            String held = "%s (the last %s of %s records held out)";
            int out = all.size() - cut;
            return new Records(
                    String.format(Locale.ROOT, held, name, out, all.size()),
                    all.subList(0, cut),
                    all.subList(cut, all.size()));
        }

        @Override
        public String characters() {
            return Stream.of(train, validation)
                    .flatMap(List::stream)
                    .map(record -> record.prompt() + record.completion())
                    .collect(Collectors.joining("", END, ""));
        }

        @Override
        public Corpus open(Tokenizer given, Path cache, PrintStream messages) {
            Tokenizer tokenizer = given.endOfText().isEmpty() ? ended(given) : given;
            String completions =
                    validation.stream().map(TextRecord::completion).collect(Collectors.joining());
            return cached(
                    tokenizer,
                    cache,
                    messages,
                    List.of(
                            "records",
                            JsonUtils.GSON.toJson(train),
                            JsonUtils.GSON.toJson(validation)),
                    file -> TokenShard.write(file, train, tokenizer),
                    file -> TokenShard.write(file, validation, tokenizer),
                    completions.getBytes(UTF_8).length);
        }

        private Tokenizer ended(Tokenizer tokenizer) {
            if (tokenizer.tokenization().isGpt2()) {
                return tokenizer.withEndOfText(List.of(Tokenizer.END_OF_TEXT));
            }
            try {
                return tokenizer.withEndOfText(List.of(tokenizer.encode(END)[0]));
            } catch (BadInputException e) {
                String rule =
                        " has records, between which is U+0000, but the model's vocabulary of"
                                + " characters lacks it: give a text, or train a new model";
                throw new BadInputException(name + rule, e);
            }
        }
    }

    /** Files of tokens; where none is for validation, the last tenth of the tokens is held out. */
    record Shards(String name, List<Path> train, List<Path> validation) implements Source {

        @Override
        public String characters() {
            return "";
        }

        @Override
        public Corpus open(Tokenizer tokenizer, Path cache, PrintStream messages) {
            List<TokenShard> forTraining = open(train, tokenizer);
            List<TokenShard> unseen = open(validation, tokenizer);
            String rule = "%s has records: give the JSON lines (.jsonl) that they were made of";
            Stream<TokenShard> all = Stream.of(forTraining, unseen).flatMap(List::stream);
            unless(all.noneMatch(TokenShard::hasRecords), rule, name);
            if (unseen.isEmpty()) {
                long total = length(forTraining);
                long cut = total - total / 10;
                unless(cut < total, "%s has only %s tokens: give more", name, total);
                unseen = range(forTraining, cut, total);
                forTraining = range(forTraining, 0, cut);
            }
            sample(forTraining.get(0)); // tokens of another vocabulary fail here, not in training
            double bytes = bytesPerToken(unseen.get(0), tokenizer);
            return new Corpus(name, tokenizer, forTraining, unseen, bytes, null);
        }

        static double bytesPerToken(TokenShard unseen, Tokenizer tokenizer) {
            int[] tokens = sample(unseen);
            List<Integer> marks = tokenizer.endOfText(); // between documents; they have no bytes
            int[] text = Arrays.stream(tokens).filter(t -> !marks.contains(t)).toArray();
            double bytes = tokenizer.decode(text).getBytes(UTF_8).length;
            return bytes / tokens.length;
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

package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.spark.HadoopFolder;
import io.github.djlspectral.spark.HadoopFolder.Entry;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.apache.commons.codec.digest.DigestUtils;

/**
 * A folder of token shards that Hadoop reaches, as it was when it was listed. Who reads a shard
 * first copies it to the cache, to a name that changes when the shard does.
 */
public record HadoopShards(
        String name, HadoopFolder folder, List<Entry> train, List<Entry> validation)
        implements Corpus.Source, Serializable {

    private static final int HEADER = 1024; // bytes before the tokens, in llm.c's format

    static HadoopShards find(String data) {
        try {
            HadoopFolder folder = HadoopFolder.of(data.replaceFirst("(?<=[^/:])/+$", ""));
            List<Entry> all = folder.entries();
            boolean other = all.stream().anyMatch(e -> e.name().equals(TextFiles.VOCABULARY));
            TextFiles.requireNoVocabulary(other, data);
            List<Entry> shards =
                    all.stream().filter(e -> e.name().matches("[^._].*\\.bin")).toList();
            List<Entry> unseen =
                    shards.stream().filter(e -> TextFiles.isForValidation(e.name())).toList();
            List<Entry> train = shards.stream().filter(e -> !unseen.contains(e)).toList();
            String rule =
                    "%s has %s token shards to train on (*.bin) and %s for validation (as val.bin):"
                            + " give a folder with both";
            boolean both = !train.isEmpty() && !unseen.isEmpty();
            unless(both, rule, data, train.size(), unseen.size());
            return new HadoopShards(data, folder, train, unseen);
        } catch (BadInputException | UncheckedIOException e) {
            throw e;
        } catch (RuntimeException e) { // Hadoop's, of addresses, hosts and missing jars
            throw new BadInputException("Cannot read " + data + ": " + e.getMessage(), e);
        }
    }

    @Override
    public String characters() {
        return "";
    }

    /** Returns names, lengths and times, as not all shards are read in one place. */
    String checksum() {
        return "hadoop " + train + " / " + validation;
    }

    @Override
    public Corpus open(Tokenizer tokenizer, Path cache, PrintStream messages) {
        Corpus all = open(tokenizer, cache);
        double bytes = Corpus.Shards.bytesPerToken(all.validation().get(0), tokenizer);
        return new Corpus(name, tokenizer, all.train(), all.validation(), bytes, this);
    }

    /** Opens it without reading a shard. */
    public Corpus open(Tokenizer tokenizer, Path cache) {
        List<TokenShard> unseen = open(validation, tokenizer.vocabSize(), cache);
        List<TokenShard> all = open(train, tokenizer.vocabSize(), cache);
        return new Corpus(name, tokenizer, all, unseen, Double.NaN, this);
    }

    private List<TokenShard> open(List<Entry> shards, int vocabulary, Path cache) {
        Map<Entry, TokenShard> read = new ConcurrentHashMap<>();
        Function<Entry, TokenShard> opened = e -> TokenShard.open(fetch(e, cache), vocabulary);
        return shards.stream()
                .map(
                        e ->
                                TokenShard.lazy(
                                        Path.of(e.name()),
                                        vocabulary,
                                        // without a header it has more
                                        Math.max(e.bytes() - HEADER, 2) / Short.BYTES,
                                        () -> read.computeIfAbsent(e, opened)))
                .toList();
    }

    /** Returns a copy in the cache; it is whole, or there is none. */
    private Path fetch(Entry shard, Path cache) {
        String from = folder.path() + "/" + shard.name();
        String key = DigestUtils.sha256Hex(folder.path() + shard).substring(0, 16);
        Path copy = cache.resolve(shard.name().replaceFirst("bin$", key + ".bin"));
        if (Files.exists(copy)) {
            return copy;
        }
        // Others on this machine may be fetching it too.
        Path partial = copy.resolveSibling("." + copy.getFileName() + "." + UUID.randomUUID());
        try {
            Files.createDirectories(cache);
            folder.get(shard.name(), partial);
            boolean same = folder.entries().contains(shard) && Files.size(partial) == shard.bytes();
            unless(same, "%s has changed since the run began: put it back, or begin anew", from);
            try (TokenShard whole = TokenShard.open(partial, TokenShard.MAX_VOCAB_SIZE)) {
                unless(!whole.hasRecords(), "%s has records: give a text's shards", from);
            }
            AtomicFiles.move(partial, copy);
            return copy;
        } catch (BadInputException e) {
            throw new BadInputException(e.getMessage().replace(partial.toString(), from), e);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot copy " + from + " to " + copy + ": " + e, e);
        } finally {
            AtomicFiles.deleteAll(partial);
        }
    }
}

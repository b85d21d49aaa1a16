package io.github.djlspectral.examples.data;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Finds a data set, downloads it if necessary, and keeps its tokens in a cache. */
public final class CorpusLoader {

    /** The data set that needs no network. */
    public static final String DEFAULT = "commons-lang";

    /** The environment variable that names the cache directory. */
    public static final String CACHE_VARIABLE = "DJL_SPECTRAL_CACHE";

    private final Path cacheDirectory;

    /**
     * Creates the loader.
     *
     * @param cacheDirectory where downloads and tokens are kept; created when needed
     * @param messages receives progress for people
     */
    public CorpusLoader(Path cacheDirectory, PrintStream messages) {
        this.cacheDirectory = cacheDirectory;
    }

    /**
     * Returns the cache directory used unless another is chosen: {@code DJL_SPECTRAL_CACHE} if that
     * environment variable is set, else {@code ~/.cache/djl-spectral}.
     *
     * @return the directory; it need not exist
     */
    public static Path defaultCacheDirectory() {
        String chosen = System.getenv(CACHE_VARIABLE);
        return chosen == null || chosen.isBlank()
                ? Path.of(System.getProperty("user.home"), ".cache", "djl-spectral")
                : Path.of(chosen);
    }

    /**
     * Loads a data set.
     *
     * @param data a known name such as {@code commons-lang}, {@code tiny-shakespeare}, {@code
     *     wikitext-2} or {@code fineweb-10b:4} (four training shards); a text file; a folder with
     *     token shards or with train.txt, valid.txt, test.txt; a token shard; or an http(s) URL
     * @param tokenization how to cut the text into tokens
     * @return the corpus; the caller closes it
     * @throws DataException if it cannot be found, fetched, read or cached
     */
    public Corpus load(String data, Tokenization tokenization) {
        String text = read(data);
        return prepare(data, text, tokenization.tokenizerFor(text));
    }

    /**
     * Loads a data set with the tokenizer of an earlier run.
     *
     * @param data as for {@link #load(String, Tokenization)}
     * @param tokenizer the tokenizer to use
     * @return the corpus; the caller closes it
     * @throws DataException if it cannot be found, fetched, read or cached, or the text has a
     *     character that the tokenizer lacks
     */
    public Corpus load(String data, Tokenizer tokenizer) {
        return prepare(data, read(data), tokenizer);
    }

    private static String read(String data) {
        try {
            return Files.readString(Path.of(data));
        } catch (IOException e) {
            throw new DataException("Cannot read " + data + ": " + e, e);
        }
    }

    private Corpus prepare(String name, String text, Tokenizer tokenizer) {
        int cut = (int) (text.length() * 9L / 10);
        Path folder = cacheDirectory.resolve("first").resolve(tokenizer.name());
        TokenShard.write(folder.resolve("train.bin"), tokenizer.encode(text.substring(0, cut)));
        String validation = text.substring(cut);
        TokenShard.write(folder.resolve("validation.bin"), tokenizer.encode(validation));
        TokenShard validationShard =
                TokenShard.open(folder.resolve("validation.bin"), tokenizer.vocabSize());
        return new Corpus(
                name,
                tokenizer,
                List.of(TokenShard.open(folder.resolve("train.bin"), tokenizer.vocabSize())),
                List.of(validationShard),
                (double) validation.getBytes(StandardCharsets.UTF_8).length
                        / validationShard.length());
    }
}

package io.github.djlspectral.examples.data;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.djlspectral.examples.data.Corpus.Shards;
import io.github.djlspectral.examples.data.Corpus.Source;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.PrintStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.UUID;

/** Finds a data set, downloads it if necessary, and keeps its tokens in a cache. */
public final class CorpusLoader {

    /** The data set that needs no network. */
    public static final String DEFAULT = DataSets.COMMONS_LANG;

    /** The environment variable that names the cache directory. */
    public static final String CACHE_VARIABLE = "DJL_SPECTRAL_CACHE";

    private final Downloader downloader;
    private final DataSets dataSets;
    private final CorpusCache cache;

    /**
     * Creates the loader.
     *
     * @param cacheDirectory where downloads and tokens are kept; created when needed
     * @param messages receives progress, for people
     */
    public CorpusLoader(Path cacheDirectory, PrintStream messages) {
        this.downloader =
                new Downloader(
                        downloads(cacheDirectory),
                        messages,
                        "train on " + DEFAULT + ", which needs no network");
        this.dataSets = new DataSets(downloader);
        this.cache = new CorpusCache(tokens(cacheDirectory), messages);
    }

    /** Returns the names of the data sets known by name, {@link #DEFAULT} first. */
    public static List<String> names() {
        return DataSets.NAMES;
    }

    /**
     * Returns the cache directory used unless another is chosen, which need not exist: {@code
     * DJL_SPECTRAL_CACHE} if that environment variable is set, else {@code ~/.cache/djl-spectral}.
     */
    public static Path defaultCacheDirectory() {
        String chosen = System.getenv(CACHE_VARIABLE);
        return chosen == null || chosen.isBlank()
                ? Path.of(System.getProperty("user.home"), ".cache", "djl-spectral")
                : Path.of(chosen);
    }

    /** Returns the folders that are written in a cache directory; they need not exist. */
    public static List<Path> folders(Path cacheDirectory) {
        return List.of(downloads(cacheDirectory), tokens(cacheDirectory));
    }

    /** Returns the folder of downloads in a cache directory. */
    static Path downloads(Path cacheDirectory) {
        return cacheDirectory.resolve("downloads");
    }

    private static Path tokens(Path cacheDirectory) {
        return cacheDirectory.resolve("tokens");
    }

    /**
     * Loads a data set.
     *
     * @param data a known name such as {@code commons-lang}, {@code tiny-shakespeare}, {@code
     *     wikitext-2} or {@code fineweb-10b:4} (four training shards); a text file; a folder with
     *     token shards or with train.txt, valid.txt, test.txt; a token shard; or an http(s) URL
     * @param tokenization how to cut the text into tokens
     * @return the corpus; the caller closes it
     * @throws BadInputException if it cannot be found, fetched, read or cached
     */
    public Corpus load(String data, Tokenization tokenization) {
        Source source = find(data);
        if (source instanceof Texts text) {
            return cache.load(text, tokenization.tokenizerFor(text.train() + text.validation()));
        }
        BadInputException.unless(
                tokenization != Tokenization.CHARS,
                "%s holds tokens whose characters are not known: use the tokenizer that made them,"
                        + " gpt2 or bytes, or give the text itself",
                data);
        return ((Shards) source).open(tokenization.tokenizerFor(""));
    }

    /**
     * Loads a data set with the tokenizer of an earlier run.
     *
     * @param data as for {@link #load(String, Tokenization)}
     * @param tokenizer the tokenizer to use
     * @return the corpus; the caller closes it
     * @throws BadInputException if it cannot be found, fetched, read or cached, or the text has a
     *     character that the tokenizer lacks
     */
    public Corpus load(String data, Tokenizer tokenizer) {
        Source source = find(data);
        return source instanceof Texts text
                ? cache.load(text, tokenizer)
                : ((Shards) source).open(tokenizer);
    }

    /** Tells whether data is at a path: not an address, nor a name. */
    public static boolean isLocal(String data) {
        return !isAddress(data) && !DataSets.isName(data);
    }

    private static boolean isAddress(String data) {
        return data.startsWith("http://") || data.startsWith("https://");
    }

    private Source find(String data) {
        if (isAddress(data)) {
            return TextFiles.open(data, download(data));
        }
        return dataSets.find(data).orElseGet(() -> TextFiles.open(data, existing(data)));
    }

    /** What an address holds may change, so the copy is kept until somebody deletes it. */
    private Path download(String address) {
        try {
            URI uri = new URI(address);
            if (uri.getHost() == null) {
                throw new URISyntaxException(address, "there is no host");
            }
            String path = Objects.requireNonNullElse(uri.getPath(), "");
            String file =
                    path.substring(path.lastIndexOf('/') + 1).replaceAll("[^A-Za-z0-9._-]", "_");
            String folder = UUID.nameUUIDFromBytes(address.getBytes(UTF_8)).toString();
            Path kept = Path.of(folder, file.isEmpty() ? "index.txt" : file);
            return downloader.fetch(uri, kept, Downloader.Check.ANY);
        } catch (URISyntaxException e) {
            throw new BadInputException("'" + address + "' is no valid URL: " + e.getMessage(), e);
        }
    }

    private static Path existing(String data) {
        try {
            Path path = Path.of(data);
            if (!data.isBlank() && Files.exists(path)) {
                return path;
            }
        } catch (InvalidPathException e) {
            throw new BadInputException("'" + data + "' is no valid path: " + e.getMessage(), e);
        }
        throw new BadInputException(
                "There is no file, folder or data set '%s': give a path, a URL or one of %s"
                        .formatted(data, String.join(", ", names())));
    }
}

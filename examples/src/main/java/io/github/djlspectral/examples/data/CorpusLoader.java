package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.djlspectral.examples.data.Corpus.Shards;
import io.github.djlspectral.examples.data.Corpus.Source;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.examples.data.Downloader.Check;
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
import java.util.stream.IntStream;

/**
 * Finds a data set by its name, path or address, downloads it if necessary, and keeps its tokens in
 * a cache.
 */
public final class CorpusLoader {

    /** The data set that needs no network. */
    public static final String DEFAULT = "commons-lang";

    private static final String TINY_SHAKESPEARE = "tiny-shakespeare";
    private static final String WIKITEXT_2 = "wikitext-2";
    private static final String FINEWEB = "fineweb-10b";
    private static final List<String> NAMES =
            List.of(DEFAULT, TINY_SHAKESPEARE, WIKITEXT_2, FINEWEB);
    private static final int FINEWEB_SHARDS = 103; // of 100 million tokens, numbered from 1
    private static final String GITHUB = "https://raw.githubusercontent.com/";

    private final Path tokens;
    private final PrintStream messages;
    private final Downloader downloader;

    /** Keeps downloads and tokens in a directory, created when needed; tells people of both. */
    public CorpusLoader(Path cacheDirectory, PrintStream messages) {
        this.tokens = folders(cacheDirectory).get(1);
        this.messages = messages;
        String alternative = "train on " + DEFAULT + ", which needs no network";
        downloader = new Downloader(downloads(cacheDirectory), messages, alternative);
    }

    /**
     * Returns the cache directory, which need not exist: {@code DJL_SPECTRAL_CACHE} if that
     * environment variable is set, else {@code ~/.cache/djl-spectral}.
     */
    public static Path defaultCacheDirectory() {
        String chosen = System.getenv("DJL_SPECTRAL_CACHE");
        return chosen == null || chosen.isBlank()
                ? Path.of(System.getProperty("user.home"), ".cache", "djl-spectral")
                : Path.of(chosen);
    }

    /** Returns the folders that are written in a cache directory; they need not exist. */
    public static List<Path> folders(Path cacheDirectory) {
        return List.of(downloads(cacheDirectory), cacheDirectory.resolve("tokens"));
    }

    static Path downloads(Path cacheDirectory) {
        return cacheDirectory.resolve("downloads");
    }

    /**
     * Loads a data set.
     *
     * @param data a known name such as {@code commons-lang}, {@code tiny-shakespeare}, {@code
     *     wikitext-2} or {@code fineweb-10b:4} (four training shards); a text file; records as JSON
     *     lines (.jsonl); a folder with token shards or with train.txt, valid.txt, test.txt; a
     *     token shard; an http(s) URL; or the address of a folder of token shards that Hadoop
     *     knows, such as {@code hdfs://..}
     * @return the corpus; the caller closes it
     * @throws BadInputException if it cannot be found, fetched, read or cached
     */
    public Corpus load(String data, Tokenization tokenization) {
        Source source = find(data);
        String text = source.characters();
        String rule =
                "%s holds tokens whose characters are not known: use the tokenizer that made them,"
                        + " gpt2 or bytes, or give the text itself";
        unless(!text.isEmpty() || tokenization != Tokenization.CHARS, rule, data);
        return source.open(tokenization.tokenizerFor(text), tokens, messages);
    }

    /** Loads a data set with the tokenizer of an earlier run, which may lack a character of it. */
    public Corpus load(String data, Tokenizer tokenizer) {
        return find(data).open(tokenizer, tokens, messages);
    }

    /** Tells whether data is at a path: not an address, nor a name. */
    public static boolean isLocal(String data) {
        return !isAddress(data) && !NAMES.contains(name(data));
    }

    /** Fails where Spark, and Hadoop with it, is not on the class path. */
    public static void requireSpark(String option) {
        unless(
                CorpusLoader.class.getResource("/org/apache/spark/SparkContext.class") != null,
                "%s needs Spark's jars on the class path: build with mvn -Pspark package, and run"
                        + " with -cp 'djl-spectral-examples.jar:spark/jars/*'",
                option);
    }

    private static boolean isAddress(String data) {
        return data.matches("(?s)[A-Za-z][A-Za-z0-9+.-]*://.*");
    }

    /** Returns what is before a colon: behind it is how much of a data set is asked for. */
    private static String name(String data) {
        return data.replaceFirst("(?s):.*", "");
    }

    private Source find(String data) {
        if (data.matches("(?s)https?://.*")) {
            return TextFiles.open(data, download(data));
        }
        if (isAddress(data)) {
            requireSpark("--data " + data);
            return HadoopShards.find(data);
        }
        if (isLocal(data)) {
            return TextFiles.open(data, existing(data));
        }
        String name = name(data);
        String part = data.substring(name.length());
        String rule = "The data set %s is one piece: write it without '%s'";
        unless(part.isEmpty() || name.equals(FINEWEB), rule, name, part);
        return switch (name) {
            case TINY_SHAKESPEARE -> tinyShakespeare();
            case WIKITEXT_2 -> wikitext2();
            case FINEWEB -> fineweb(data, part.isEmpty() ? "1" : part.substring(1));
            default -> Texts.split(data, TextFiles.commonsLang());
        };
    }

    /** What an address holds may change, so the copy is kept until somebody deletes it. */
    private Path download(String address) {
        try {
            URI uri = new URI(address);
            if (uri.getHost() == null) {
                throw new URISyntaxException(address, "there is no host");
            }
            String file = Objects.requireNonNullElse(uri.getPath(), "").replaceFirst(".*/", "");
            String safe = file.isEmpty() ? "index.txt" : file.replaceAll("[^A-Za-z0-9._-]", "_");
            String folder = UUID.nameUUIDFromBytes(address.getBytes(UTF_8)).toString();
            return downloader.fetch(uri, Path.of(folder, safe), Check.ANY);
        } catch (URISyntaxException e) {
            throw new BadInputException("'" + address + "' is no valid URL: " + e.getMessage(), e);
        }
    }

    private static Path existing(String data) {
        try {
            Path path = Path.of(data);
            String rule =
                    "There is no file, folder or data set '%s': give a path, a URL or one of %s";
            String known = String.join(", ", NAMES);
            unless(!data.isBlank() && Files.exists(path), rule, data, known);
            return path;
        } catch (InvalidPathException e) {
            throw new BadInputException("'" + data + "' is no valid path: " + e.getMessage(), e);
        }
    }

    // The addresses on GitHub name a commit, so that what is there does not change.

    private Source tinyShakespeare() {
        String commit = "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e";
        String folder = GITHUB + "karpathy/char-rnn/" + commit + "/data/tinyshakespeare/";
        String sum = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed";
        Check check = Check.sum("SHA-256", sum);
        Path text = fetch(folder, TINY_SHAKESPEARE, "input.txt", check);
        return Texts.split(TINY_SHAKESPEARE, TextFiles.read(text));
    }

    private Source wikitext2() {
        String commit = "77f55b912142e11fcfdf5b530231fb9c52f181e8";
        String models = "/word_language_model/data/wikitext-2/";
        String folder = GITHUB + "pytorch/examples/" + commit + models;
        Check blob = Check.gitBlob("2d84b35af79e411d73ea7cae83c73964c6ac83b4");
        String sum = "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8";
        Path train = fetch(folder, WIKITEXT_2, "train.txt", blob);
        Path valid = fetch(folder, WIKITEXT_2, "valid.txt", Check.sum("SHA-256", sum));
        return new Texts(WIKITEXT_2, TextFiles.read(train), TextFiles.read(valid));
    }

    private Source fineweb(String data, String count) {
        boolean legal = count.matches("[1-9]\\d{0,2}") && Integer.parseInt(count) <= FINEWEB_SHARDS;
        String rule = "'%s' asks for '%s' training shards: write a number from 1 to %s, as in %s:4";
        unless(legal, rule, data, count, FINEWEB_SHARDS, FINEWEB);
        Path validation = finewebShard("val", 0);
        IntStream numbers = IntStream.rangeClosed(1, Integer.parseInt(count));
        List<Path> train = numbers.mapToObj(i -> finewebShard("train", i)).toList();
        return new Shards(data, train, List.of(validation));
    }

    private Path finewebShard(String split, int number) {
        String folder = "https://huggingface.co/datasets/kjj0/fineweb10B-gpt2/resolve/main/";
        String file = "fineweb_" + split + "_" + String.valueOf(1_000_000 + number).substring(1);
        return fetch(folder, FINEWEB, file + ".bin", Check.TOKEN_SHARD);
    }

    private Path fetch(String address, String folder, String file, Check check) {
        return downloader.fetch(URI.create(address + file), Path.of(folder, file), check);
    }
}

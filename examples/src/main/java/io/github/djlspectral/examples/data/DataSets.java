package io.github.djlspectral.examples.data;

import io.github.djlspectral.examples.data.Corpus.Shards;
import io.github.djlspectral.examples.data.Corpus.Source;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.examples.data.Downloader.Check;
import io.github.djlspectral.text.BadInputException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** The data sets known by name, each from a pinned address. */
final class DataSets {

    static final String COMMONS_LANG = "commons-lang";

    private static final String TINY_SHAKESPEARE = "tiny-shakespeare";
    private static final String WIKITEXT_2 = "wikitext-2";
    private static final String FINEWEB_10B = "fineweb-10b";

    static final List<String> NAMES =
            List.of(COMMONS_LANG, TINY_SHAKESPEARE, WIKITEXT_2, FINEWEB_10B);

    // The data set has 103 training shards of 100 million tokens, numbered from 1.
    private static final int FINEWEB_SHARDS = 103;

    private static final String TINY_SHAKESPEARE_FOLDER =
            "https://raw.githubusercontent.com/karpathy/char-rnn/"
                    + "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/";
    private static final String WIKITEXT_2_FOLDER =
            "https://raw.githubusercontent.com/pytorch/examples/"
                    + "77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/";
    private static final String FINEWEB_FOLDER =
            "https://huggingface.co/datasets/kjj0/fineweb10B-gpt2/resolve/main/";

    private final Downloader downloader;

    DataSets(Downloader downloader) {
        this.downloader = downloader;
    }

    /** Tells whether something is the name of a data set, with or without a part of it. */
    static boolean isName(String data) {
        return NAMES.contains(data.replaceFirst("(?s):.*", ""));
    }

    /** Returns the data set, downloaded; empty if the name is not known. */
    Optional<Source> find(String data) {
        if (!isName(data)) {
            return Optional.empty();
        }
        int colon = data.indexOf(':');
        String name = colon < 0 ? data : data.substring(0, colon);
        if (name.equals(FINEWEB_10B)) {
            return Optional.of(fineweb(data, colon < 0 ? "1" : data.substring(colon + 1)));
        }
        BadInputException.unless(
                colon < 0,
                "The data set %s is one piece: write it without '%s'",
                name,
                data.substring(Math.max(0, colon)));
        return Optional.of(
                switch (name) {
                    case COMMONS_LANG -> Texts.split(data, TextFiles.commonsLang());
                    case TINY_SHAKESPEARE -> tinyShakespeare();
                    default -> wikitext2();
                });
    }

    private Source tinyShakespeare() {
        Check check =
                Check.sha256("86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed");
        Path text = fetch(TINY_SHAKESPEARE_FOLDER, TINY_SHAKESPEARE, "input.txt", check);
        return Texts.split(TINY_SHAKESPEARE, TextFiles.read(text));
    }

    private Source wikitext2() {
        Check train = Check.gitBlob("2d84b35af79e411d73ea7cae83c73964c6ac83b4");
        Check valid =
                Check.sha256("f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8");
        return new Texts(
                WIKITEXT_2,
                TextFiles.read(fetch(WIKITEXT_2_FOLDER, WIKITEXT_2, "train.txt", train)),
                TextFiles.read(fetch(WIKITEXT_2_FOLDER, WIKITEXT_2, "valid.txt", valid)));
    }

    private Source fineweb(String data, String count) {
        BadInputException.unless(
                count.matches("[1-9][0-9]{0,2}") && Integer.parseInt(count) <= FINEWEB_SHARDS,
                "'%s' asks for '%s' training shards: write a number from 1 to %s, as in %s:4",
                data,
                count,
                FINEWEB_SHARDS,
                FINEWEB_10B);
        Path validation = finewebShard("val", 0);
        List<Path> train =
                IntStream.rangeClosed(1, Integer.parseInt(count))
                        .mapToObj(i -> finewebShard("train", i))
                        .toList();
        return new Shards(data, train, List.of(validation));
    }

    private Path finewebShard(String split, int number) {
        String file = "fineweb_" + split + "_" + String.valueOf(1_000_000 + number).substring(1);
        return fetch(FINEWEB_FOLDER, FINEWEB_10B, file + ".bin", Check.TOKEN_SHARD);
    }

    private Path fetch(String address, String folder, String file, Check check) {
        return downloader.fetch(URI.create(address + file), Path.of(folder, file), check);
    }
}

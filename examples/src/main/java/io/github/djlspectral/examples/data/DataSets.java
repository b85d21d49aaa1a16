package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The data sets known by name, each from a pinned address. */
final class DataSets {

    static final String COMMONS_LANG = "commons-lang";
    static final String TINY_SHAKESPEARE = "tiny-shakespeare";
    static final String WIKITEXT_2 = "wikitext-2";
    static final String FINEWEB_10B = "fineweb-10b";
    static final List<String> NAMES =
            List.of(COMMONS_LANG, TINY_SHAKESPEARE, WIKITEXT_2, FINEWEB_10B);

    // The data set has 103 training shards of 100 million tokens, numbered from 1.
    static final int FINEWEB_SHARDS = 103;

    private static final String TINY_SHAKESPEARE_TEXT =
            "https://raw.githubusercontent.com/karpathy/char-rnn/"
                    + "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt";
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
        int colon = data.indexOf(':');
        String name = colon < 0 ? data : data.substring(0, colon);
        if (!NAMES.contains(name)) {
            return Optional.empty();
        }
        if (name.equals(FINEWEB_10B)) {
            return Optional.of(fineweb(data, colon < 0 ? "1" : data.substring(colon + 1)));
        }
        if (colon >= 0) {
            throw new BadInputException(
                    "The data set "
                            + name
                            + " is one piece: write it without '"
                            + data.substring(colon)
                            + "'");
        }
        return Optional.of(
                switch (name) {
                    case COMMONS_LANG -> Source.Text.split(data, JavaSources.commonsLang());
                    case TINY_SHAKESPEARE -> tinyShakespeare();
                    default -> wikitext2();
                });
    }

    private Source tinyShakespeare() {
        Path text =
                fetch(
                        TINY_SHAKESPEARE_TEXT,
                        Path.of(TINY_SHAKESPEARE, "input.txt"),
                        FileCheck.sha256(
                                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"));
        return Source.Text.split(TINY_SHAKESPEARE, TextFile.read(text));
    }

    private Source wikitext2() {
        Path train =
                wikitext2(
                        "train.txt", FileCheck.gitBlob("2d84b35af79e411d73ea7cae83c73964c6ac83b4"));
        Path valid =
                wikitext2(
                        "valid.txt",
                        FileCheck.sha256(
                                "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"));
        return new Source.Text(WIKITEXT_2, TextFile.read(train), TextFile.read(valid));
    }

    private Path wikitext2(String file, FileCheck check) {
        return fetch(WIKITEXT_2_FOLDER + file, Path.of(WIKITEXT_2, file), check);
    }

    private Source fineweb(String data, String count) {
        if (!count.matches("[1-9][0-9]{0,2}") || Integer.parseInt(count) > FINEWEB_SHARDS) {
            throw new BadInputException(
                    "'"
                            + data
                            + "' asks for '"
                            + count
                            + "' training shards: write a number from 1 to "
                            + FINEWEB_SHARDS
                            + ", as in "
                            + FINEWEB_10B
                            + ":4");
        }
        Path validation = finewebShard("fineweb_val_000000.bin");
        List<Path> train = new ArrayList<>();
        for (int i = 1; i <= Integer.parseInt(count); i++) {
            train.add(finewebShard(String.format(Locale.ROOT, "fineweb_train_%06d.bin", i)));
        }
        return new Source.Shards(data, train, List.of(validation));
    }

    private Path finewebShard(String file) {
        return fetch(FINEWEB_FOLDER + file, Path.of(FINEWEB_10B, file), FileCheck.TOKEN_SHARD);
    }

    private Path fetch(String uri, Path path, FileCheck check) {
        return downloader.fetch(new RemoteFile(URI.create(uri), path, check));
    }
}

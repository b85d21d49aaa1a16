package io.github.djlspectral.examples.data;

import io.github.djlspectral.examples.data.Corpus.Shards;
import io.github.djlspectral.examples.data.Corpus.Source;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Recognises what lies at a path: a text, a token shard, or a folder of either. Text is read
 * strictly: what is not UTF-8 is an error, not a replacement character.
 */
final class TextFiles {

    // Text and tokens are held in memory while they are prepared.
    private static final long MAX_BYTES = 1 << 30;

    private static final String SHARD_SUFFIX = ".bin";
    private static final String LANG = "org/apache/commons/lang3/";

    /** A whole part of a name: "medieval" and "interval" are for training. */
    private static final Pattern VALIDATION =
            Pattern.compile("(?i)(?<![a-z])val(id(ation)?)?(?![a-z])");

    private TextFiles() {}

    static Source open(String name, Path path) {
        if (Files.isDirectory(path)) {
            List<Path> shards = shards(path);
            shards.forEach(TextFiles::requireNoVocabulary);
            return shards.isEmpty() ? texts(name, path) : split(name, path, shards);
        }
        if (path.toString().endsWith(SHARD_SUFFIX)) {
            requireNoVocabulary(path);
            return new Shards(name, List.of(path), List.of());
        }
        return Texts.split(name, read(path));
    }

    private static List<Path> shards(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(SHARD_SUFFIX)).sorted().toList();
        } catch (IOException e) {
            throw new BadInputException("Cannot list the folder " + folder + " (" + e + ")", e);
        }
    }

    private static void requireNoVocabulary(Path shard) {
        Path vocabulary = shard.resolveSibling("meta.pkl");
        BadInputException.unless(
                !Files.exists(vocabulary),
                "%s has tokens of the vocabulary in nanoGPT's %s, which is neither gpt2 nor bytes:"
                        + " give the text that they were made of, with --tokenizer chars, or remove"
                        + " that file if it is not theirs",
                shard,
                vocabulary);
    }

    /** As llm.c and nanoGPT name them: {@code val.bin}, {@code fineweb_val_000000.bin}. */
    private static Source split(String name, Path folder, List<Path> shards) {
        Map<Boolean, List<Path>> unseen =
                shards.stream()
                        .collect(
                                Collectors.partitioningBy(
                                        f -> VALIDATION.matcher(f.getFileName() + "").find()));
        BadInputException.unless(
                !unseen.get(false).isEmpty(),
                "The folder %s has token shards for validation only: add one to train on, such as"
                        + " train.bin",
                folder);
        return new Shards(name, unseen.get(false), unseen.get(true));
    }

    private static Source texts(String name, Path folder) {
        Path train = folder.resolve("train.txt");
        Path valid = folder.resolve("valid.txt");
        Path test = folder.resolve("test.txt");
        if (Files.exists(train)) {
            return Files.exists(valid)
                    ? new Texts(name, read(train), read(valid))
                    : Texts.split(name, read(train));
        }
        BadInputException.unless(
                Files.exists(valid) && Files.exists(test),
                "The folder %s has neither token shards (*.bin) nor train.txt (with or without"
                        + " valid.txt) nor both valid.txt and test.txt",
                folder);
        String split = name + " (no train.txt: training on test.txt, validating on valid.txt)";
        return new Texts(split, read(test), read(valid));
    }

    static String read(Path file) {
        try {
            long size = Files.size(file);
            BadInputException.unless(
                    size <= MAX_BYTES,
                    "%s has %s bytes; a text may have at most 1 GiB: prepare token shards and give"
                            + " their folder",
                    file,
                    size);
            return decode(Files.readAllBytes(file), file.toString());
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    private static String decode(byte[] bytes, String origin) {
        BadInputException.unless(
                bytes.length > 0, "%s is empty: give a text to learn from", origin);
        LfsPointer.refuse(Path.of(origin), ByteBuffer.wrap(bytes));
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        BadInputException.unless(
                !StandardCharsets.UTF_8.newDecoder().decode(in, out, true).isError(),
                "%s is not UTF-8 text: byte %s starts no character; convert it to UTF-8 first",
                origin,
                in.position());
        return out.flip().toString();
    }

    /** Returns the Java sources of Apache Commons Lang, from their jar, in order of their paths. */
    static String commonsLang() {
        URL url = TextFiles.class.getClassLoader().getResource(LANG + "StringUtils.java");
        try {
            if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
                throw new BadInputException(
                        "The sources of Apache Commons Lang are not on the class path: run with"
                                + " commons-lang3-sources.jar among the libraries, or choose other"
                                + " data");
            }
            connection.setUseCaches(false); // or closing would close other users' jar
            try (JarFile jar = connection.getJarFile()) {
                return concatenated(jar);
            }
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + url + " (" + e + ")", e);
        }
    }

    private static String concatenated(JarFile jar) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (String name : jar.stream().map(JarEntry::getName).sorted().toList()) {
            if (name.startsWith(LANG) && name.endsWith(".java")) {
                try (InputStream in = jar.getInputStream(jar.getEntry(name))) {
                    in.transferTo(all);
                }
            }
        }
        return decode(all.toByteArray(), jar.getName());
    }
}

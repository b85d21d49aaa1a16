package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.examples.data.Corpus.Records;
import io.github.djlspectral.examples.data.Corpus.Shards;
import io.github.djlspectral.examples.data.Corpus.Source;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import io.github.djlspectral.text.TextRecord;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Recognises what lies at a path: a text, records, a token shard, or a folder of either. Text is
 * read strictly: what is not UTF-8 is an error, not a replacement character.
 */
final class TextFiles {

    static final String SHARD_SUFFIX = ".bin";
    static final String VOCABULARY = "meta.pkl";

    private static final String LANG = "org/apache/commons/lang3/";

    /** A whole part of a name: "medieval" and "interval" are for training. */
    private static final Pattern VALIDATION =
            Pattern.compile("(?i)(?<![a-z])val(id(ation)?)?(?![a-z])");

    private TextFiles() {}

    static Source open(String name, Path path) {
        if (Files.isDirectory(path)) {
            List<Path> shards = list(path, file -> file.toString().endsWith(SHARD_SUFFIX));
            return shards.isEmpty() ? texts(name, path) : split(name, path, shards);
        }
        if (path.toString().endsWith(SHARD_SUFFIX)) {
            requireNoVocabulary(Files.exists(path.resolveSibling(VOCABULARY)), path);
            return new Shards(name, List.of(path), List.of());
        }
        String text = read(path);
        return path.toString().endsWith(".jsonl")
                ? Records.split(name, TextRecord.parse(text, path.toString()))
                : Texts.split(name, text);
    }

    /** Returns what is wanted in a folder, in the order of names, but nothing that is hidden. */
    static List<Path> list(Path folder, Predicate<Path> wanted) {
        try (Stream<Path> all = Files.list(folder)) {
            Stream<Path> shown = all.filter(path -> !path.getFileName().toString().startsWith("."));
            return shown.filter(wanted).sorted().toList();
        } catch (IOException e) {
            throw new BadInputException("Cannot list the folder " + folder + " (" + e + ")", e);
        }
    }

    static void requireNoVocabulary(boolean there, Object shards) {
        String rule =
                "%s has tokens of the vocabulary in nanoGPT's %s, which is neither gpt2 nor bytes:"
                        + " give the text that they were made of, with --tokenizer chars, or remove"
                        + " that file if it is not theirs";
        unless(!there, rule, shards, VOCABULARY);
    }

    static boolean isForValidation(String file) {
        return VALIDATION.matcher(file).find();
    }

    /** As llm.c and nanoGPT name them: {@code val.bin}, {@code fineweb_val_000000.bin}. */
    private static Source split(String name, Path folder, List<Path> shards) {
        requireNoVocabulary(Files.exists(folder.resolve(VOCABULARY)), folder);
        Predicate<Path> unseen = file -> isForValidation(file.getFileName().toString());
        List<Path> train = shards.stream().filter(unseen.negate()).toList();
        String rule =
                "The folder %s has token shards for validation only: add one to train on, such as"
                        + " train.bin";
        unless(!train.isEmpty(), rule, folder);
        return new Shards(name, train, shards.stream().filter(unseen).toList());
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
        String rule =
                "The folder %s has neither token shards (*.bin) nor train.txt (with or without"
                        + " valid.txt) nor both valid.txt and test.txt";
        unless(Files.exists(valid) && Files.exists(test), rule, folder);
        String split = name + " (no train.txt: training on test.txt, validating on valid.txt)";
        return new Texts(split, read(test), read(valid));
    }

    static String read(Path file) {
        try {
            long size = Files.size(file);
            String rule = // text and tokens are held in memory while they are prepared
                    "%s has %s bytes; a text may have at most 1 GiB: prepare token shards and give"
                            + " their folder";
            unless(size <= 1 << 30, rule, file, size);
            return decode(Files.readAllBytes(file), file.toString());
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    private static String decode(byte[] bytes, String origin) {
        unless(bytes.length > 0, "%s is empty: give a text to learn from", origin);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        LfsPointer.refuse(Path.of(origin), in);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        boolean right = !StandardCharsets.UTF_8.newDecoder().decode(in, out, true).isError();
        String rule =
                "%s is not UTF-8 text: byte %s starts no character; convert it to UTF-8 first";
        unless(right, rule, origin, in.position());
        return out.flip().toString();
    }

    /** Returns the Java sources of Apache Commons Lang, from their jar, in order of their paths. */
    static String commonsLang() {
        URL url = TextFiles.class.getClassLoader().getResource(LANG + "StringUtils.java");
        try {
            String rule =
                    "The sources of Apache Commons Lang are not on the class path: run with"
                            + " commons-lang3-sources.jar among the libraries, or take other data";
            if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
                throw new BadInputException(rule);
            }
            connection.setUseCaches(false); // or closing would close other users' jar
            try (JarFile jar = connection.getJarFile()) {
                ByteArrayOutputStream all = new ByteArrayOutputStream();
                for (String name : jar.stream().map(JarEntry::getName).sorted().toList()) {
                    if (name.startsWith(LANG) && name.endsWith(".java")) {
                        jar.getInputStream(jar.getEntry(name)).transferTo(all);
                    }
                }
                return decode(all.toByteArray(), jar.getName());
            }
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + url + " (" + e + ")", e);
        }
    }
}

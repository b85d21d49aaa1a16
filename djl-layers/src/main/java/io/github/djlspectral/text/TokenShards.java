package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.djlspectral.spark.HadoopFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.util.SerializableConfiguration;

/** Makes token shards on a Spark cluster, which the application brings. */
public final class TokenShards {

    private TokenShards() {}

    /**
     * Tokenizes documents, such as {@code Dataset<String>.toJavaRDD()}, where they lie. Partition
     * 12 becomes {@code train_000012.bin} and, for validation, {@code val_000012.bin}, in which an
     * end of text, if the tokenizer has one, is behind each document; its tokens are in memory
     * meanwhile, 8 bytes each. The same documents make the same files, whatever Spark repeats. Null
     * and empty documents, and partitions without others, leave nothing.
     *
     * @param documents the documents, in an order that is the same when Spark asks again
     * @param tokenizer the tokenizer
     * @param folder where the shards appear, all at once, as Hadoop knows it: {@code
     *     hdfs:///corpus}; it must be empty or not exist
     * @param validationShare the share of documents for validation, in [0, 1); which they are
     *     depends on their CRC-32C, so that copies of one stay together
     * @throws BadInputException if the share is out of range, the folder has files, no document is
     *     to train on, or one cannot be tokenized
     * @throws java.io.UncheckedIOException if the file system fails. No folder appears then
     */
    public static void write(
            JavaRDD<String> documents, Tokenizer tokenizer, String folder, double validationShare) {
        boolean legal = validationShare >= 0 && validationShare < 1;
        unless(legal, "The validation share is %s, but must be in [0, 1)", validationShare);
        SerializableConfiguration settings =
                new SerializableConfiguration(documents.context().hadoopConfiguration());
        HadoopFolder whole = new HadoopFolder(folder.replaceFirst("/+$", ""), settings);
        requireEmpty(whole);
        String unfinished = whole.path() + ".partial-" + UUID.randomUUID();
        HadoopFolder partial = new HadoopFolder(unfinished, settings);
        String json = tokenizer.toJson();
        try {
            documents
                    .mapPartitionsWithIndex(
                            (i, texts) -> write(i, texts, json, partial, validationShare), false)
                    .count();
            boolean any = partial.entries().stream().anyMatch(e -> e.name().startsWith("train"));
            unless(any, "There is no document to train on for %s", folder);
            requireEmpty(whole);
            whole.delete(); // or it would be moved into
            partial.moveTo(whole);
        } catch (Exception e) { // Spark's come undeclared
            if (e.getCause() instanceof RuntimeException own) {
                throw own;
            }
            throw e;
        } finally {
            partial.delete();
        }
    }

    private static void requireEmpty(HadoopFolder folder) {
        List<HadoopFolder.Entry> there = folder.entries();
        String rule = "%s has %s files already, such as %s: delete them or choose another folder";
        there.forEach(e -> unless(false, rule, folder.path(), there.size(), e.name()));
    }

    private static Iterator<String> write(
            int partition, Iterator<String> texts, String json, HadoopFolder folder, double share)
            throws IOException {
        Tokenizer tokenizer = Tokenizer.of(json, "The tokenizer");
        IntStream.Builder train = IntStream.builder();
        IntStream.Builder unseen = IntStream.builder();
        while (texts.hasNext()) {
            String text = texts.next();
            if (text != null && !text.isEmpty()) {
                CRC32C sum = new CRC32C();
                sum.update(text.getBytes(UTF_8));
                IntStream.Builder split = sum.getValue() < share * (1L << 32) ? unseen : train;
                IntStream.of(tokenizer.encode(text)).forEach(split);
                IntStream.of(tokenizer.end()).forEach(split);
            }
        }
        write(String.format(Locale.ROOT, "train_%06d.bin", partition), train, folder);
        write(String.format(Locale.ROOT, "val_%06d.bin", partition), unseen, folder);
        return texts;
    }

    private static void write(String name, IntStream.Builder split, HadoopFolder folder)
            throws IOException {
        int[] tokens = split.build().toArray();
        if (tokens.length > 0) {
            Path file = Files.createTempFile("djl-spectral", ".bin");
            try {
                TokenShard.write(file, tokens);
                folder.put(file, name);
            } finally {
                Files.delete(file);
            }
        }
    }
}

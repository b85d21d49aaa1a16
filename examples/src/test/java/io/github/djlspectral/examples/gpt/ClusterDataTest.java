package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.TokenShards;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** From documents on a cluster to training on it, where Spark is in this process. */
class ClusterDataTest extends Runs {

    private Path folder;

    @BeforeEach
    void choose() {
        folder = directory.resolve("shards");
    }

    private static JavaSparkContext spark() {
        SparkConf conf = new SparkConf().setMaster("local[2]").setAppName("test");
        return new JavaSparkContext(
                conf.set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1"));
    }

    /** Documents in four partitions, the third of which has none, and the last one only empty. */
    private static JavaRDD<String> documents(JavaSparkContext context) {
        return context.parallelize(List.of(0, 1, 2, 3), 4)
                .flatMap(part -> partition(part).iterator());
    }

    private static List<String> partition(int number) {
        if (number > 1) {
            return number == 2 ? List.of() : Arrays.asList("", null);
        }
        List<String> texts = new ArrayList<>(Arrays.asList("", null));
        for (int i = 0; i < 40; i++) {
            texts.add("qzkaxvjbwnopfmdu".repeat(2) + " \u00e9 " + (number * 40 + i));
        }
        return texts;
    }

    private Map<String, byte[]> files() throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> all = Files.list(folder)) {
            for (Path file : all.filter(f -> f.toString().endsWith(".bin")).toList()) {
                files.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        return files;
    }

    private static int[] read(Path file) {
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
            int[] tokens = new int[(int) shard.length()];
            shard.read(0, tokens);
            return tokens;
        }
    }

    @Test
    void tokenisesWhereDocumentsLie() throws IOException {
        Tokenizer gpt2 = Tokenization.GPT2.tokenizerFor("");
        try (JavaSparkContext context = spark()) {
            Files.createDirectories(folder);
            String uri = folder.toUri().toString();
            JavaRDD<String> documents = documents(context);
            // snippet: shards-on-spark
            TokenShards.write(documents, gpt2, uri, 0.25); // a quarter for validation
            // end
            Map<String, byte[]> first = files();
            assertThat(first)
                    .containsOnlyKeys(
                            "train_000000.bin",
                            "train_000001.bin",
                            "val_000000.bin",
                            "val_000001.bin");
            int unseen = 0;
            for (int number = 0; number < 2; number++) {
                IntStream.Builder train = IntStream.builder();
                IntStream.Builder val = IntStream.builder();
                for (String text : partition(number)) {
                    if (text != null && !text.isEmpty()) {
                        CRC32C sum = new CRC32C();
                        sum.update(text.getBytes(StandardCharsets.UTF_8));
                        boolean held = sum.getValue() / 4294967296.0 < 0.25;
                        unseen += held ? 1 : 0;
                        IntStream.of(gpt2.encode(text)).forEach(held ? val : train);
                        (held ? val : train).add(Tokenizer.END_OF_TEXT);
                    }
                }
                String name = String.format(Locale.ROOT, "%06d.bin", number);
                assertThat(read(folder.resolve("train_" + name))).isEqualTo(ints(train));
                assertThat(read(folder.resolve("val_" + name))).isEqualTo(ints(val));
            }
            assertThat(unseen).isBetween(8, 32);
            assertRefused(
                    () -> TokenShards.write(documents(context), gpt2, uri, 0.25),
                    "has 4 files already, such as train_000000.bin: delete them or choose");
            assertThat(directory).isDirectoryNotContaining("glob:**partial*");
            folder = directory.resolve("again");
            TokenShards.write(documents(context).coalesce(4), gpt2, folder.toUri() + "//", 0.25);
            assertThat(files()).usingRecursiveComparison().isEqualTo(first);
            folder = directory.resolve("all");
            Tokenizer bytes = Tokenization.BYTES.tokenizerFor("");
            TokenShards.write(documents(context), bytes, folder.toUri().toString(), 0);
            assertThat(files()).containsOnlyKeys("train_000000.bin", "train_000001.bin");
            byte[] texts =
                    String.join("", partition(0).subList(2, 42)).getBytes(StandardCharsets.UTF_8);
            assertThat(read(folder.resolve("train_000000.bin"))).hasSize(texts.length);
        }
    }

    private static int[] ints(IntStream.Builder numbers) {
        return numbers.build().toArray();
    }

    @Test
    void whatCannotBeTokenisedLeavesNothing() {
        Tokenizer bytes = Tokenization.BYTES.tokenizerFor("");
        Tokenizer few = Tokenization.CHARS.tokenizerFor("abc");
        String uri = folder.toUri().toString();
        try (JavaSparkContext context = spark()) {
            JavaRDD<String> all = documents(context);
            assertRefused(() -> TokenShards.write(all, few, uri, 0.1), "'q' (U+0071) is not among");
            JavaRDD<String> none = context.parallelize(List.of("", ""), 2);
            assertRefused(() -> TokenShards.write(none, bytes, uri, 0.1), "no document to train");
            double most = Math.nextDown(1.0); // what is written before the refusal is deleted
            assertRefused(() -> TokenShards.write(all, bytes, uri, most), "no document to train");
            for (double share : new double[] {-0.1, 1, Double.NaN}) {
                assertRefused(() -> TokenShards.write(all, bytes, uri, share), "must be in [0, 1)");
            }
        }
        assertThat(folder).doesNotExist();
        assertThat(directory).isDirectoryNotContaining("glob:**shards*");
    }

    private void tokenise() {
        try (JavaSparkContext context = spark()) {
            Tokenizer bytes = Tokenization.BYTES.tokenizerFor("");
            TokenShards.write(documents(context), bytes, folder.toUri().toString(), 0.25);
        }
    }

    private String[] options(String... more) {
        String all = "--tokenizer=bytes --spark=local[1] --workers=2 --inner-steps=3 --steps=9";
        String every = " --eval-every=3 --checkpoint-every=3 --data=file://" + folder;
        return Stream.of((all + every).split(" "), more).flatMap(Stream::of).toArray(String[]::new);
    }

    private static byte[] weights(Path run) throws IOException {
        return Files.readAllBytes(checkpoint(run, 9).resolve("model.safetensors"));
    }

    @Test
    @Tag("slow")
    void trainsOnWhatWasTokenised() throws IOException {
        tokenise();
        train(run, options());
        Path other = directory.resolve("other");
        train(other, options("--data=" + folder));
        assertThat(weights(run)).isEqualTo(weights(other));
        assertThat(rows(run).get(3).validationLoss())
                .isEqualTo(rows(other).get(3).validationLoss());
        assertThat(directory.resolve("cache/tokens")) // the driver's
                .isDirectoryContaining("glob:**val_000000.*")
                .isDirectoryNotContaining("glob:**train_*");
        deleteCheckpoint(run, 9);
        resume(run);
        assertThat(weights(run)).isEqualTo(weights(other));
        FileTime later = FileTime.fromMillis(1_900_000_000_000L);
        Files.setLastModifiedTime(folder.resolve("train_000001.bin"), later);
        deleteCheckpoint(run, 9);
        assertRefused(() -> resume(run), "The data has changed since the run began");
    }

    @Test
    @Tag("slow")
    void brokenShardIsNamedWithItsWorker() throws IOException {
        tokenise();
        Path shard = folder.resolve("train_000001.bin");
        Path undisturbed = directory.resolve("other");
        train(undisturbed, options());
        byte[] whole = Files.readAllBytes(shard);
        FileTime time = Files.getLastModifiedTime(shard);
        Path workers = CorpusLoader.folders(CorpusLoader.defaultCacheDirectory()).get(1);
        PrintStream breaking =
                new PrintStream(OutputStream.nullOutputStream()) {
                    @Override
                    public void println(String line) {
                        if (line.startsWith("step 6/9")) {
                            try (Stream<Path> all = Files.list(workers)) {
                                for (Path file : all.toList()) {
                                    if (file.getFileName().toString().startsWith("train_000001.")) {
                                        Files.delete(file);
                                    }
                                }
                                Files.write(shard, Arrays.copyOf(whole, whole.length - 2));
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }
                    }
                };
        Map<String, Object> given = TrainingOptions.given(TestText.options(text, run, options()));
        assertRefused(
                () -> Training.train(given, loader(), breaking),
                "After step 6: worker 1 of 2: ",
                "/shards/train_000001.bin",
                "what is saved in");
        assertThat(checkpoint(run, 6)).isDirectory();
        Files.write(shard, whole);
        Files.setLastModifiedTime(shard, time);
        resume(run);
        assertThat(weights(run)).isEqualTo(weights(undisturbed));
    }
}

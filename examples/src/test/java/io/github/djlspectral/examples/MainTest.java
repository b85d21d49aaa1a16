package io.github.djlspectral.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.github.djlspectral.examples.gpt.TestText;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class MainTest {

    private static final int SHARD_MAGIC = 20240520;
    private static final int SHARD_HEADER_INTS = 256;

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                     | Missing required subcommand",
                "fly                                    | Unmatched argument",
                "train --steps -1                       | --steps is -1, but must be",
                "train --steps x                        | 'x' is not an int",
                "train --preset huge                    | 'huge'",
                "train --optimizer adam                 | 'adam'",
                "train --learning-rate 1                | Unknown option",
                "train --width 100 --heads 3            | --width is 100, but must be",
                "train --data DIR/none.txt --out DIR/r  | none.txt",
                "train --data DIR/empty.txt --out DIR/r | empty.txt",
                "train --data DIR/short.txt --out DIR/r | context",
                "train --data DIR/magic.bin --out DIR/r --tokenizer gpt2 | magic.bin",
                "train --data DIR/length.bin --out DIR/r --tokenizer gpt2 | length.bin",
                "train --data DIR/token.bin --out DIR/r --tokenizer gpt2 --context 8 | 60000",
                "train --device xyz --out DIR/r         | --device is xyz, but must be",
                "train --device gpu900 --out DIR/r      | --device is gpu900, but PyTorch sees",
                "train --clip 1e-300 --out DIR/r        | --clip is 1.0E-300, but must be",
                "train --lr 1e-300 --out DIR/r          | --lr is 1.0E-300, but must be",
                "train --lr NaN --out DIR/r             | --lr is NaN, but must be",
                "train --lr 1e39 --out DIR/r            | --lr is 1.0E39, but must be",
                "train --beta2 0.9999999999 --out DIR/r | --beta2 is 0.9999999999, but must be",
                "train --batch 2147483647 --out DIR/r   | --batch is 2147483647, but must be",
                "train --accumulate 2147483647 --out DIR/r | --accumulate is 2147483647, but must",
                "train --layers 2147483647 --out DIR/r  | --layers is 2147483647, but must be",
                "train --width 2147483644 --out DIR/r   | --width is 2147483644, but must be",
                "train --context 2147483647 --out DIR/r | --context is 2147483647, but must be",
                "train --resume --out DIR/none          | There is no run in",
                "eval --run DIR/none --device xyz       | --device is xyz, but must be",
                "generate --run DIR/none --device gpu-1 | --device is gpu-1, but must be",
                "generate --run DIR/none --prompt @DIR/secret.txt | There is no run in",
                "eval                                   | Missing required option: '--run",
                "eval --run DIR/none                    | There is no run in",
                "eval --run DIR/none --batches -1       | --batches is -1",
                "generate --run DIR/none                | There is no run in",
                "generate --run DIR/none --temperature -1 | temperature is -1.0, but must be",
                "generate --run DIR/none --top-p 2      | top-p is 2.0, but must be",
                "generate --run DIR/none --tokens 0     | max-tokens is 0, but must be",
                "generate --run DIR/none --repetition-penalty 0.5 | repetition-penalty is 0.5",
                "generate --run DIR/none --stop=        | stop has an empty string",
                "generate --run DIR/none --count 0      | --count is 0, but must be",
                "import --from DIR/none --out DIR/r     | There is no checkpoint in",
                "import --from DIR --out DIR/r          | config.json is missing",
                "export --run DIR/none --out DIR/r      | There is no run in",
                "export --run DIR/none --out DIR/r --dtype F8 | expected one of [F32, F64, F16, BF16]",
                "train --init DIR/none --out DIR/r      | There is no checkpoint in",
                "random-features --steps 2 --out DIR/r  | --steps is 2, but must be",
                "random-features --rows 2147483647 --out DIR/r | --rows is 2147483647, but must",
                "random-features --batch 2147483647 --out DIR/r | --batch is 2147483647, but must",
                "random-features --seeds 0 --out DIR/r  | --seeds is 0, but must be",
                "classify --patch 5 --out DIR/r         | --patch is 5, but must divide 28",
                "classify --width 6 --out DIR/r         | --width is 6, but must be",
                "classify --depth 0 --out DIR/r         | --depth is 0, but must be",
                "classify --step-size 0 --out DIR/r     | --step-size is 0.0, but must be",
                "classify --epochs 2147483647 --out DIR/r | --epochs is 2147483647, but must be",
                "classify --adamw-lr 1e-320 --out DIR/r | --adamw-lr is 1.0E-320, but must be",
                "classify --lr 0.1,NaN --out DIR/r      | --lr is NaN, but must be",
                "classify --seeds 0 --out DIR/r         | --seeds is 0, but must be",
                "classify --optimizer sgd --out DIR/r   | expected one of",
                "classify --data DIR/none --out DIR/r   | There is no folder",
                "classify --data DIR --out DIR/r        | has no t10k-images-idx3-ubyte.gz",
                "sweep --quick --jobs 0                 | --jobs is 0, but must be",
                "sweep --quick --jobs 2147483647        | --jobs is 2147483647, but must be",
                "sweep --quick --spark here             | --spark is here, but must be one of",
                "sweep --quick --spark local[2] --jobs 2 | --jobs is 2, but must be left out with",
                "sweep --quick --spark local[2] -- --spark=local[1] | --spark differs from run to run",
                "sweep --quick --seeds 0                | --seeds is 0, but must be",
                "sweep --quick --widths 40              | --widths is [40], but must be",
                "sweep --quick --only lion              | --only is lion, but must match",
                "sweep --quick -- --lr=1                | --lr differs from run to run",
                "sweep --quick -- --width=1             | --width is 1, but must be",
                "sweep --quick --data DIR/none.txt --out DIR/r | none.txt",
                "flow --dimension 1 --out DIR/r         | --dimension is 1, but must be",
                "flow --dimension 2147483647 --out DIR/r | --dimension is 2147483647, but must be",
                "flow --tokens 0 --out DIR/r            | --tokens is 0, but must be",
                "flow --heads 0 --out DIR/r             | --heads is 0, but must be",
                "flow --heads 1,4 --out DIR/r           | --heads is [1, 4], but must be one",
                "flow --step 0 --out DIR/r              | --step is 0.0, but must be",
                "flow --step nan --out DIR/r            | 'nan' is not a double",
                "flow --step NaN --out DIR/r            | --step is NaN, but must be",
                "flow --time -1 --out DIR/r             | --time is -1.0, but must be",
                "flow --time 1 --step 0.3 --out DIR/r   | --time is 1.0, but must be",
                "flow --noise -1 --out DIR/r            | --noise is -1.0, but must be",
                "flow --paths 0 --out DIR/r             | --paths is 0, but must be",
                "flow --record-every 0 --out DIR/r      | --record-every is 0, but must be",
                "flow --drift up --out DIR/r            | 'up'",
                "flow --seeds 3 --out DIR/r             | --seeds is 3, but must be left out",
                "flow --scaling --identity --out DIR/r  | --scaling is true, but must be without",
                "flow --scaling --heads 1,4 --out DIR/r | --heads is [1, 4], but must be two",
                "flow --identity --step 0.1,0.3 --out DIR/r | --time is 2.0, but must be",
                "publish --run DIR/none --repo DIR/r   | Missing required option: '--version",
                "publish --run DIR/none --repo DIR/r --version 0.1.0 | There is no run in",
                "publish --run DIR/none --repo DIR/r --version 1 | The version is '1', but must be",
                "publish --run DIR/none --repo DIR/r --version 0.1.0 --group ../x | The group is",
                "publish --run DIR/none --repo https://example.org/x --version 0.1.0 | but must be a folder",
                "bench --rounds 0                       | --rounds is 0, but must be",
                "bench --threads 0                      | --threads is 0, but must be",
                "bench --only [                         | --only is [, but must be",
                "bench --only fly --python none --list  | --only is fly, which nothing",
                "bench --suite speed                    | expected one of [OPTIMIZERS,",
                "bench --report-only --out DIR/r        | bench.json is missing",
                "bench --compare DIR/none.json          | none.json is missing",
                "bench --compare DIR/empty.txt          | holds no results of the bench",
                "isometry --depth 0 --out DIR/r         | --depth is 0, but must be in",
                "isometry --width 7 --out DIR/r         | --width is 7, but must be even",
                "isometry --epochs 0 --out DIR/r        | --epochs is 0, but must be",
                "isometry --batch 0 --out DIR/r         | --batch is 0, but must be",
                "isometry --seeds 0 --out DIR/r         | --seeds is 0, but must be",
                "isometry --lr 0.1,-1 --out DIR/r       | --lr is -1.0, but must be",
                "isometry --adam-lr 0 --out DIR/r       | --adam-lr is 0.0, but must be",
                "isometry --channels 8 --out DIR/r      | --channels is 8, but must be even",
                "isometry --strength 1 --out DIR/r      | --strength is 1.0, but there is no",
                "isometry --regularizer gram --strength 0 --out DIR/r | --strength is 0.0, but must",
                "isometry --regularizer weight --out DIR/r | with --parametrization initial",
                "isometry --probe --depth 1001 --out DIR/r | --depth is 1001, but must be in",
                "isometry --family relu --out DIR/r     | 'relu'",
                "isometry --optimizer sgd --out DIR/r   | expected one of",
                "isometry --data DIR/none --out DIR/r   | There is no folder",
                "isometry --report-only --out DIR/r     | There is no finished run in",
                "landscape --quick --at 0,300           | --at has 300, but must be in [0, 299]",
                "landscape --quick --at x               | 'x' is not an int",
                "landscape --quick -- --optimizer=sgd   | --optimizer is sgd, but must"
            })
    void badInputIsOneLineAndCodeTwo(String arguments, String message) throws IOException {
        prepareData();
        StringWriter errors = new StringWriter();
        CommandLine main = Main.commandLine().setErr(new PrintWriter(errors));
        String line = arguments.replace("DIR", directory.toString());
        int code = main.execute(line.isEmpty() ? new String[0] : line.split(" "));
        assertThat(errors.toString())
                .startsWith("djl-spectral: ")
                .contains(message)
                .doesNotContain("Exception", "a secret")
                .hasLineCount(1);
        assertThat(code).isEqualTo(2);
        assertThat(directory.resolve("r")).doesNotExist();
    }

    @Test
    void helpListsTheCommands() {
        assertThat(Main.commandLine().getUsageMessage()).contains("train", "eval", "generate");
    }

    @Test
    void anAddressWithLettersThatNoFileHasIsNamed() {
        StringWriter errors = new StringWriter();
        CommandLine main = Main.commandLine().setErr(new PrintWriter(errors));
        String out = directory.resolve("r").toString();
        assertThat(main.execute("train", "--data", "http://127.0.0.1:1/%00.txt", "--out", out))
                .isEqualTo(2);
        assertThat(errors.toString())
                .startsWith("djl-spectral: Cannot download http://127.0.0.1:1/%00.txt")
                .hasLineCount(1);
    }

    static Set<String> commands() {
        return Main.commandLine().getSubcommands().keySet();
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyCommandHasHelpAndAVersion(String command) {
        for (String option : List.of("-h", "--help", "-V")) {
            StringWriter output = new StringWriter();
            CommandLine main = Main.commandLine().setOut(new PrintWriter(output));
            assertThat(main.execute(command, option)).as(option).isZero();
            assertThat(output.toString())
                    .startsWith(option.equals("-V") ? "djl-spectral " : "Usage: djl-spectral");
        }
    }

    @Test
    void aCommandWhoseOutputIsLostFails() {
        PrintStream before = System.out;
        StringWriter errors = new StringWriter();
        System.setOut(new PrintStream(new FullDisk(), true, UTF_8));
        try {
            CommandLine main = Main.commandLine().setErr(new PrintWriter(errors));
            assertThat(Main.execute(main, "random-features", "--help")).isEqualTo(2);
        } finally {
            System.setOut(before);
        }
        assertThat(errors.toString()).contains("Standard output").hasLineCount(1);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "needs a POSIX shell and its locales")
    void lettersThatTheLocaleLacksAreRefused() throws Exception {
        assertThat(shell("LC_ALL=C JAVA eval --run $(printf 'n\\303\\251')"))
                .startsWith("2 djl-spectral: 'n")
                .contains("set LC_ALL=C.UTF-8")
                .hasLineCount(1);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "needs a POSIX shell")
    void tooSmallAHeapIsOneLine() throws Exception {
        assertThat(shell("JAVA random-features --rows 8000 --columns 8000 --out " + directory))
                .startsWith("2 ")
                .contains("djl-spectral: Java's memory of ", "-Xmx")
                .doesNotContain("at java.");
    }

    /** The launcher says each time that it begins what it has picked up. */
    @ParameterizedTest
    @EnabledOnOs(OS.LINUX)
    @CsvSource({
        "JAVA train --recompute --preset none, 2",
        "JAVA train --preset none, 1",
        "MALLOC_ARENA_MAX=4 JAVA train --recompute --preset none, 1",
        "LD_PRELOAD= JAVA train --recompute --preset none, 1"
    })
    void whoRecomputesBeginsAgainToGiveBackMemoryUnlessTheUserChose(String command, int begins)
            throws Exception {
        String output = shell("JDK_JAVA_OPTIONS=-Dis.read=true " + command);
        assertThat(output.split("Picked up JDK_JAVA_OPTIONS", -1)).hasSize(begins + 1);
        assertThat(output).startsWith("2 ").contains("(see djl-spectral ");
    }

    /** OpenMP says what it found when the engine loaded it. */
    @ParameterizedTest
    @EnabledOnOs(OS.LINUX)
    @CsvSource({"ANY=0, 20000", "OMP_WAIT_POLICY=passive, 0"})
    void waitingThreadsSpinForAShortTimeUnlessTheUserChose(String variable, int count)
            throws Exception {
        String environment = "unset OMP_WAIT_POLICY; OMP_DISPLAY_ENV=verbose " + variable;
        String command = " JAVA random-features --rows 2 --columns 2 --batch 1 --steps 3 --seeds 1";
        assertThat(shell(environment + command + " --out " + directory))
                .contains("GOMP_SPINCOUNT = '" + count + "'");
    }

    /** What a peer of the bench inherits is what the engine finds. */
    @ParameterizedTest
    @EnabledOnOs(OS.LINUX)
    @CsvSource({"ANY=0, 1", "THP_MEM_ALLOC_ENABLE=0, 0"})
    void largeArraysLieInHugePagesUnlessTheUserChose(String variable, int value) throws Exception {
        Path peer = directory.resolve("peer");
        Files.writeString(peer, "#!/bin/sh\nenv > " + directory + "/environment");
        assertThat(peer.toFile().setExecutable(true)).isTrue();
        shell(variable + " JAVA bench --list --python " + peer);
        assertThat(Files.readAllLines(directory.resolve("environment")))
                .contains("THP_MEM_ALLOC_ENABLE=" + value);
    }

    @Test
    void aLocalClusterIsToldWhereSparkLies() throws Exception {
        URL core =
                new URL("jar:file:/a%20b/jars/spark-core_2.13-4.2.0.jar!/org/apache/spark/X.class");
        assertThat(Main.spark(core, "train", "--spark", "local-cluster[2,1,1024]"))
                .containsOnly(entry("SPARK_HOME", "/a b"), entry("SPARK_SCALA_VERSION", "2.13"));
        assertThat(Main.spark(core, "sweep", "--spark=local[1]")).hasSize(2);
        assertThat(Main.spark(core, "train", "--resume")).hasSize(2);
        assertThat(Main.spark(core, "train", "--preset", "tiny")).isEmpty();
        assertThat(Main.spark(null, "train", "--spark", "local[1]")).isEmpty();
        URL installed = new URL("jar:file:/repository/spark-core_2.13-4.2.0.jar!/X.class");
        assertThat(Main.spark(installed, "train", "--spark", "local[1]")).isEmpty();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aLocalClusterNeedsToBeToldWhereSparkLies() throws Exception {
        Path text = TestText.write(directory);
        String options = String.join(" ", TestText.options(text, directory.resolve("run")));
        String command = "unset SPARK_HOME; JAVA train --spark 'local-cluster[1,1,512]' ";
        assertThat(shell(command + options))
                .startsWith("2 ")
                .contains(
                        "djl-spectral: --spark is local-cluster[1,1,512], which needs SPARK_HOME");
    }

    @Test
    void dataOfHadoopNeedsItsJars() throws Exception {
        String all = System.getProperty("java.class.path");
        String own =
                Stream.of(all.split(File.pathSeparator))
                        .filter(jar -> !jar.matches(".*(spark-|hadoop-|scala-).*"))
                        .collect(Collectors.joining(File.pathSeparator));
        assertThat(own).hasSizeLessThan(all.length());
        for (String data : List.of("hdfs:///corpus", "file:///corpus", "s3a://bucket/corpus")) {
            assertThat(shell(own, "JAVA train --out=none --data=" + data))
                    .startsWith("2 djl-spectral: --data " + data + " needs Spark's jars on the")
                    .hasLineCount(1);
        }
    }

    private static String shell(String command) throws Exception {
        return shell(System.getProperty("java.class.path"), command);
    }

    /** Returns the exit code of a command and all that it printed. */
    private static String shell(String classPath, String command) throws Exception {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        String program = "%s -Xmx64m -cp '%s' %s".formatted(java, classPath, Main.class.getName());
        ProcessBuilder builder =
                new ProcessBuilder("sh", "-c", command.replace("JAVA ", program + " "))
                        .redirectErrorStream(true);
        builder.environment().remove("JDK_JAVA_OPTIONS"); // which prints a note
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        return process.waitFor() + " " + output;
    }

    /** Takes nothing. */
    private static final class FullDisk extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            throw new IOException("No space left on device");
        }
    }

    private void prepareData() throws IOException {
        Files.writeString(directory.resolve("empty.txt"), "");
        Files.writeString(directory.resolve("secret.txt"), "a secret");
        Files.writeString(directory.resolve("short.txt"), "too short");
        Files.write(directory.resolve("magic.bin"), new byte[] {1, 2, 3});
        Files.write(directory.resolve("length.bin"), shard(1000, new short[] {1, 2, 3}));
        short[] tokens = new short[1000];
        Arrays.fill(tokens, (short) 60000);
        Files.write(directory.resolve("token.bin"), shard(tokens.length, tokens));
    }

    private static byte[] shard(int length, short[] tokens) {
        ByteBuffer bytes =
                ByteBuffer.allocate(SHARD_HEADER_INTS * Integer.BYTES + tokens.length * Short.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(SHARD_MAGIC).putInt(1).putInt(length);
        bytes.position(SHARD_HEADER_INTS * Integer.BYTES);
        for (short token : tokens) {
            bytes.putShort(token);
        }
        return bytes.array();
    }
}

package io.github.djlspectral.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.TrainingDivergedException;
import ai.djl.engine.EngineException;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import io.github.djlspectral.examples.bench.BenchCommand;
import io.github.djlspectral.examples.classify.ClassifyCommand;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.features.RandomFeaturesCommand;
import io.github.djlspectral.examples.flow.FlowCommand;
import io.github.djlspectral.examples.gpt.Exchange;
import io.github.djlspectral.examples.gpt.Metrics;
import io.github.djlspectral.examples.gpt.PublishCommand;
import io.github.djlspectral.examples.gpt.SavedRun;
import io.github.djlspectral.examples.gpt.Training;
import io.github.djlspectral.examples.isometry.IsometryCommand;
import io.github.djlspectral.examples.sweep.LandscapeCommand;
import io.github.djlspectral.examples.sweep.SweepCommand;
import io.github.djlspectral.text.BadInputException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** The command line. */
@Command(
        name = "djl-spectral",
        scope = ScopeType.INHERIT, // so that all commands have these
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "GPT-2, spectral optimizers, isometric networks and attention flows in DJL.")
public final class Main {

    /** The commands by name. The classes of one that is not asked for are not loaded. */
    private static final Map<String, Supplier<Class<?>>> COMMANDS = new LinkedHashMap<>();

    static {
        COMMANDS.put("train", () -> Training.TrainCommand.class);
        COMMANDS.put("eval", () -> SavedRun.EvalCommand.class);
        COMMANDS.put("generate", () -> SavedRun.GenerateCommand.class);
        COMMANDS.put("import", () -> Exchange.ImportCommand.class);
        COMMANDS.put("export", () -> Exchange.ExportCommand.class);
        COMMANDS.put("compare", () -> Metrics.CompareCommand.class);
        COMMANDS.put("random-features", () -> RandomFeaturesCommand.class);
        COMMANDS.put("sweep", () -> SweepCommand.class);
        COMMANDS.put("landscape", () -> LandscapeCommand.class);
        COMMANDS.put("flow", () -> FlowCommand.class);
        COMMANDS.put("isometry", () -> IsometryCommand.class);
        COMMANDS.put("classify", () -> ClassifyCommand.class);
        COMMANDS.put("publish", () -> PublishCommand.class);
        COMMANDS.put("bench", () -> BenchCommand.class);
        COMMANDS.put("doctor", () -> DoctorCommand.class);
        COMMANDS.put("cache", () -> CacheCommand.class);
    }

    /**
     * Arrays of two megabytes and more lie in huge pages where the system lets a process ask for
     * them: new memory takes 512 times fewer page faults. The gradients of GPT-2 124M, 4 x 256
     * tokens in bfloat16, took 2.6 s instead of 2.9 on two cores with AMX (medians of six processes
     * in turns); with a glibc that keeps what is freed 3.3 s, in float32 all three took alike.
     */
    private static final Map<String, String> HUGE = Map.of("THP_MEM_ALLOC_ENABLE", "1");

    /** Has glibc give back every block of a mebibyte: none lies unused between others. */
    private static final Map<String, String> SAVING = Map.of("MALLOC_MMAP_THRESHOLD_", "1048576");

    /**
     * Threads that wait for others spin for a twentieth of the default time: enough between the
     * parts of an operation, and whoever else needs the core does not wait for long. A step of Muon
     * for 768 x 768 took 27 ms instead of 29 on two cores, 95 instead of 146 beside two busy
     * processes.
     */
    private static final Map<String, String> WAITING = Map.of("GOMP_SPINCOUNT", "20000");

    /** What Java makes of the bytes of an argument that the locale's encoding has no letter for. */
    private static final String UNDECODED = "\uFFFD";

    private Main() {}

    /**
     * Runs a command and ends the process: code 0 if all went well, 2 with one line on standard
     * error if the input was at fault, 1 with a stack trace if this program was. Standard output is
     * UTF-8 where the locale has nothing better than ASCII.
     */
    public static void main(String[] args) {
        System.setProperty("java.awt.headless", "true"); // plots are drawn to files only
        String natively = System.getProperty("native.encoding");
        String encoding = System.getProperty("stdout.encoding", natively);
        if (encoding != null && Charset.forName(encoding).equals(US_ASCII)) {
            System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out), true, UTF_8));
        }
        String first = args.length > 0 ? args[0] : "";
        if (COMMANDS.containsKey(first)) {
            chooseEnvironment(args);
        }
        Set<String> names = COMMANDS.containsKey(first) ? Set.of(first) : COMMANDS.keySet();
        System.exit(execute(commandLine(names), args));
    }

    /** Where executors that this process starts find Spark: in the folder of its jar here. */
    static Map<String, String> spark(URL core, String... args) {
        Pattern layout = Pattern.compile("jar:(file:.*)/jars/spark-core_([^/]+?)-[^/]*!.*");
        Matcher matcher = layout.matcher(String.valueOf(core));
        String all = String.join("\n", args); // what is resumed may be a run on Spark
        if (!all.contains("\n--spark") && !all.contains("\n--resume") || !matcher.matches()) {
            return Map.of();
        }
        String home = Path.of(URI.create(matcher.group(1))).toString();
        return Map.of("SPARK_HOME", home, "SPARK_SCALA_VERSION", matcher.group(2));
    }

    /**
     * On Linux, sets variables of the environment that the engine's libraries read when they are
     * loaded, and begins once more with those that glibc and Spark read only then. Not those that
     * the user chose, nor if another program called this.
     */
    private static void chooseEnvironment(String... args) {
        String command = System.getProperty("sun.java.command", "");
        boolean own =
                command.startsWith(Main.class.getName())
                        || command.startsWith(System.getProperty("java.class.path"));
        if (!own || !Platform.isLinux()) {
            return;
        }
        Set<String> chosen = System.getenv().keySet();
        URL core = Main.class.getResource("/org/apache/spark/SparkContext.class");
        Map<String, String> atStart = new HashMap<>(spark(core, args));
        atStart.keySet().removeAll(chosen);
        boolean saving = List.of(args).contains("--recompute");
        if (saving && isFree(chosen, "MALLOC_.*|GLIBC_TUNABLES|LD_PRELOAD")) {
            atStart.putAll(SAVING);
        }
        Map<String, String> variables = new HashMap<>(atStart);
        if (!saving && isFree(chosen, "THP_MEM_ALLOC_ENABLE")) {
            variables.putAll(HUGE);
        }
        if (isFree(chosen, "GOMP_SPINCOUNT|OMP_WAIT_POLICY")) {
            variables.putAll(WAITING);
        }
        try {
            NativeLibrary libc = NativeLibrary.getProcess();
            Function set = libc.getFunction("setenv");
            variables.forEach((name, value) -> set.invokeInt(new Object[] {name, value, 1}));
            if (!atStart.isEmpty()) {
                beginAgain(libc);
            }
        } catch (IOException | UnsatisfiedLinkError e) {
            System.err.println(
                    "djl-spectral: this process cannot begin again with %s, it may be slower or lack Spark: %s"
                            .formatted(variables, e.getMessage()));
        }
    }

    private static boolean isFree(Set<String> chosen, String pattern) {
        return chosen.stream().noneMatch(name -> name.matches(pattern));
    }

    private static void beginAgain(NativeLibrary libc) throws IOException {
        byte[] line = Files.readAllBytes(Path.of("/proc/self/cmdline"));
        Memory text = new Memory(line.length);
        text.write(0, line, 0, line.length);
        Memory arguments = new Memory((line.length + 1L) * Native.POINTER_SIZE);
        arguments.clear();
        int count = 0;
        for (int i = 0; i < line.length; i++) {
            if (i == 0 || line[i - 1] == 0) {
                arguments.setPointer((long) count++ * Native.POINTER_SIZE, text.share(i));
            }
        }
        String program = Path.of("/proc/self/exe").toRealPath().toString(); // names the process
        libc.getFunction("execv").invokeInt(new Object[] {program, arguments});
        throw new IOException("execv: error " + Native.getLastError());
    }

    /** Runs a command; what has no command to blame is told here. */
    static int execute(CommandLine main, String... args) {
        String encoding = System.getProperty("sun.jnu.encoding", UTF_8.name());
        List<String> decoded = new ArrayList<>(List.of(args));
        decoded.add(System.getProperty("user.dir"));
        for (String text : decoded) {
            if (text.contains(UNDECODED) && !encoding.equals(UTF_8.name())) {
                String lacks = "'%s' has letters that the locale's encoding, %s, lacks: set ";
                return tell(main.getErr(), lacks + "LC_ALL=C.UTF-8", text, encoding);
            }
        }
        try {
            int code = main.execute(args);
            boolean lost = code == 0 && System.out.checkError();
            return lost ? tell(main.getErr(), SavedRun.GenerateCommand.OUTPUT_LOST) : code;
        } catch (OutOfMemoryError e) {
            String small = "Java's memory of %s MiB is too small (%s): raise it, as in java -Xmx4g";
            long mebibytes = Runtime.getRuntime().maxMemory() >> 20;
            return tell(main.getErr(), small, mebibytes, e.getMessage());
        }
    }

    /** Returns the parser of all commands. */
    static CommandLine commandLine() {
        return commandLine(COMMANDS.keySet());
    }

    private static CommandLine commandLine(Set<String> names) {
        CommandLine main = new CommandLine(new Main());
        String version = "djl-spectral " + Environment.version();
        main.getCommandSpec().version(version);
        for (String name : names) {
            CommandLine command = new CommandLine(COMMANDS.get(name).get());
            command.getCommandSpec().version(version);
            main.addSubcommand(name, command);
            // A prompt may look like an option.
            command.setAllowOptionsAsOptionParameters(name.equals("generate"));
        }
        return main.setExpandAtFiles(false) // a prompt may begin with @
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(Main::badUsage)
                .setExecutionExceptionHandler(Main::failed);
    }

    private static int badUsage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        String hint = " (see " + command.getCommandSpec().qualifiedName() + " --help)";
        return tell(command.getErr(), "%s", e.getMessage() + hint);
    }

    private static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed)
            throws Exception {
        String message = String.valueOf(e.getMessage());
        boolean memory = e instanceof EngineException && message.contains("can't allocate memory");
        // Thrown where the input or the disk is at fault, with a message that says so.
        boolean input = e instanceof BadInputException || e instanceof InvalidPathException;
        boolean run = e instanceof TrainingDivergedException || e instanceof UncheckedIOException;
        if (!memory && !input && !run) {
            throw e;
        }
        String form = memory ? "PyTorch has too little memory for these sizes: %s" : "%s";
        return tell(command.getErr(), form, message);
    }

    private static int tell(PrintWriter err, String form, Object... arguments) {
        String message = Table.text(form, arguments).replaceAll("\\s*\\R\\s*", " ");
        err.println("djl-spectral: " + message);
        err.flush();
        return 2; // for everything that the user can put right
    }
}

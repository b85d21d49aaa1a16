package io.github.djlspectral.spark;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;

/**
 * A standalone cluster of Spark on loopback: a master and workers, each a process of its own, and
 * so are the executors that workers start. All end with this, or with this process.
 */
public final class SparkCluster implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern MASTER = Pattern.compile("Starting Spark master at (spark:\\S+)");
    private static final String REGISTERED = "Registering worker ";
    private static final String OURS = ".*[/\\\\](ai[/\\\\]djl[/\\\\].*|djl-[^/\\\\]*)";

    /** Two names, as Spark runs copies of slow tasks only on another host. */
    private static final String[] HOSTS = {"127.0.0.1", "localhost"};

    private static final String QUICK_START = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";

    private final Path directory;
    private final int cores;
    private final Process master;
    private final List<Process> workers = new ArrayList<>();
    private final String url;

    /**
     * Starts a master and workers and waits until it knows them.
     *
     * @param directory an empty one for logs and what workers write
     * @param workers how many
     * @param cores of each worker
     * @param memory of each worker, such as {@code 2g}
     */
    public SparkCluster(Path directory, int workers, int cores, String memory) {
        this.directory = directory;
        this.cores = cores;
        try {
            master = start("master", HOSTS[0], "org.apache.spark.deploy.master.Master");
            url = await("a master", () -> first(MASTER, log("master")));
            for (int i = 0; i < workers; i++) {
                String name = "worker-" + i;
                this.workers.add(
                        start(
                                name,
                                HOSTS[i % 2],
                                "org.apache.spark.deploy.worker.Worker",
                                "--cores",
                                String.valueOf(cores),
                                "--memory",
                                memory,
                                "--work-dir",
                                directory.resolve(name).toString(),
                                url));
            }
            await(
                    workers + " workers",
                    () -> log("master").split(REGISTERED, -1).length > workers ? url : null);
        } catch (IOException | InterruptedException | RuntimeException | Error e) {
            close();
            throw new IllegalStateException("No cluster:" + logs(), e);
        }
    }

    /** Returns the configuration of an application that has all cores before its first task. */
    public SparkConf conf() {
        return conf(url, directory)
                .set("spark.cores.max", String.valueOf(cores * workers.size()))
                .set("spark.scheduler.minRegisteredResourcesRatio", "1")
                .set(
                        "spark.scheduler.maxRegisteredResourcesWaitingTime",
                        PATIENCE.toSeconds() + "s");
    }

    /**
     * Returns the configuration of an application with executors of one core and one thread that
     * have the class path of this test.
     *
     * @param master such as {@code local-cluster[2,1,1024]}
     * @param directory for what Spark writes
     */
    public static SparkConf conf(String master, Path directory) {
        home();
        return new SparkConf(false)
                .setMaster(master)
                .setAppName("test")
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.driver.bindAddress", "127.0.0.1")
                .set("spark.ui.enabled", "false")
                .set("spark.local.dir", directory.resolve("local").toString())
                .set("spark.executor.cores", "1")
                .set("spark.executor.memory", "512m")
                .set("spark.executor.extraClassPath", System.getProperty("java.class.path"))
                .set("spark.executorEnv.OMP_NUM_THREADS", "1")
                .set(
                        "spark.executor.extraJavaOptions",
                        QUICK_START
                                + " -Dai.djl.pytorch.num_threads=1"
                                + " -Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    }

    /** Returns SPARK_HOME, which the build sets, with links to the jars that are not ours. */
    private static Path home() {
        String variable = System.getenv("SPARK_HOME");
        Path home = Path.of(Objects.requireNonNull(variable, "SPARK_HOME, which the build sets"));
        try {
            Path jars = Files.createDirectories(home.resolve("jars"));
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                Path jar = Path.of(entry);
                if (entry.endsWith(".jar") && !jar.toString().matches(OURS)) {
                    try {
                        Files.createSymbolicLink(jars.resolve(jar.getFileName()), jar);
                    } catch (FileAlreadyExistsException e) {
                        continue; // of an earlier test
                    }
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return home;
    }

    /** Returns the processes of a worker's executors. */
    public List<ProcessHandle> executors(int worker) {
        return workers.get(worker).children().toList();
    }

    /** Kills the executors of a worker, which do not learn of it. */
    public void killExecutors(int worker) {
        kill(executors(worker));
    }

    /** Kills a worker and its executors, as if their machine was lost. */
    public void killWorker(int worker) {
        kill(family(workers.get(worker)));
    }

    /** Returns the ends of all logs, those of executors too. */
    public String logs() {
        StringBuilder logs = new StringBuilder();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(SparkCluster::isLog).sorted().toList()) {
                List<String> lines = Files.readString(file).lines().toList();
                logs.append("\n--- ").append(directory.relativize(file)).append('\n');
                int from = Math.max(0, lines.size() - 30);
                logs.append(String.join("\n", lines.subList(from, lines.size())));
            }
        } catch (IOException | UncheckedIOException e) { // of files that go
            logs.append(e);
        }
        return logs.toString();
    }

    /** Ends all processes and waits for that. */
    @Override
    public void close() {
        List<ProcessHandle> all = new ArrayList<>();
        Stream.concat(workers.stream(), Stream.ofNullable(master))
                .forEach(process -> all.addAll(family(process)));
        kill(all);
    }

    private static boolean isLog(Path file) {
        String name = file.getFileName().toString();
        return Files.isRegularFile(file) && (name.endsWith(".log") || name.equals("stderr"));
    }

    /** First the process itself: it could start others in place of its children. */
    private static List<ProcessHandle> family(Process process) {
        return Stream.concat(Stream.of(process.toHandle()), process.descendants()).toList();
    }

    private static void kill(List<ProcessHandle> processes) {
        processes.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle process : processes) {
            try {
                process.onExit().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
                throw new IllegalStateException("Process " + process.pid() + " does not end", e);
            }
        }
    }

    private Process start(String name, String host, String main, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(QUICK_START.split(" ")));
        command.addAll(List.of("-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(SparkCluster.class.getName(), main));
        command.addAll(List.of("--host", host, "--port", "0", "--webui-port", "0"));
        command.addAll(Arrays.asList(arguments));
        Path log = directory.resolve(name + ".log");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        Map<String, String> environment = builder.environment();
        environment.put("SPARK_HOME", home().toString());
        environment.put("SPARK_LOCAL_DIRS", directory.resolve("local").toString());
        return builder.start();
    }

    /** Runs a main method that ends with the process that started this one. */
    public static void main(String[] args) throws ReflectiveOperationException {
        Thread watch =
                new Thread(
                        () -> {
                            try {
                                System.in.read();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            } finally {
                                Runtime.getRuntime().halt(1);
                            }
                        });
        watch.setDaemon(true);
        watch.start();
        Class.forName(args[0])
                .getMethod("main", String[].class)
                .invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
    }

    private String log(String name) {
        try {
            return Files.readString(directory.resolve(name + ".log"));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String first(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.find() ? matcher.group(1) : null;
    }

    private String await(String what, Supplier<String> source)
            throws IOException, InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        String result = source.get();
        while (result == null) {
            if (System.nanoTime() > end) {
                throw new IOException(PATIENCE.toSeconds() + " s without " + what);
            }
            for (Process process : Stream.concat(workers.stream(), Stream.of(master)).toList()) {
                if (!process.isAlive()) {
                    throw new IOException("A process ended with code " + process.exitValue());
                }
            }
            Thread.sleep(50);
            result = source.get();
        }
        return result;
    }
}

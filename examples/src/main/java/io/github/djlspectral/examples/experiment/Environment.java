package io.github.djlspectral.examples.experiment;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.util.Utils;
import ai.djl.util.cuda.CudaUtils;
import io.github.djlspectral.text.BadInputException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;

/** What this process runs on: its device, the versions of its parts, and who asks it to stop. */
public final class Environment {

    private Environment() {}

    /** Requires a name that some machine may have a device for. */
    public static void requireDeviceName(String name) {
        unless(
                name.matches("cpu|gpu\\d{0,3}"),
                "--device is %s, but must be cpu, gpu, or gpu and a number",
                name);
    }

    /**
     * Returns a device.
     *
     * @param name {@code cpu}, {@code gpu}, or {@code gpu} and a number; without one it is 0
     * @throws BadInputException if there is no such device
     */
    public static Device device(String name) {
        requireDeviceName(name);
        if (name.equals("cpu")) {
            return Device.cpu();
        }
        Device device = name.equals("gpu") ? Device.gpu() : Device.fromName(name);
        int count = Engine.getEngine("PyTorch").getGpuCount();
        unless(
                device.getDeviceId() < count,
                "--device is %s, but PyTorch sees %s GPUs here%s; use --device cpu",
                name,
                count,
                whyNoGpu());
        return device;
    }

    /** Returns why DJL sees no GPU, and what to do; empty if it sees one. */
    public static String whyNoGpu() {
        return Engine.getEngine("PyTorch").getGpuCount() > 0
                ? ""
                : whyNoGpu(counted(), Utils.getEnvOrSystemProperty("PYTORCH_LIBRARY_PATH"));
    }

    /**
     * Returns why PyTorch sees no GPU.
     *
     * @param counted the GPUs that CUDA's runtime counts; -1 if DJL does not find the runtime
     * @param libraries where libtorch was said to be; null if it was not
     */
    static String whyNoGpu(int counted, String libraries) {
        if (counted >= 0) {
            return counted == 0
                    ? ", as CUDA's runtime finds no GPU or no driver for it"
                    : ", as this libtorch is one for CPUs";
        }
        String unknown = ", as DJL does not find CUDA's runtime";
        return Stream.ofNullable(libraries)
                .flatMap(paths -> Stream.of(paths.split(File.pathSeparator)))
                .flatMap(path -> cudaRuntime(Path.of(path)).stream())
                .findFirst()
                .map(folder -> unknown + ": start Java with -Djna.library.path=" + folder)
                .orElse(unknown + ", on Linux libcudart.so");
    }

    private static int counted() {
        try {
            CudaUtils.getCudaVersion();
            return CudaUtils.getGpuCount();
        } catch (IllegalStateException e) {
            return -1; // how DJL says that it has no runtime
        }
    }

    /**
     * Finds the folder with CUDA's runtime that pip installs with PyTorch, where DJL, which asks it
     * for the number of GPUs, does not look by itself.
     *
     * @param torch the folder with libtorch, such as {@code site-packages/torch/lib}, or libtorch
     */
    static Optional<Path> cudaRuntime(Path torch) {
        Path libraries = Files.isRegularFile(torch) ? torch.resolveSibling("") : torch;
        for (Path folder : List.of(libraries.resolve("../../nvidia"), libraries)) {
            try (Stream<Path> found =
                    Files.find(folder, 3, (path, attributes) -> isRuntime(path))) {
                Optional<Path> library = found.sorted().findFirst();
                if (library.isPresent()) {
                    return library.map(path -> path.toAbsolutePath().normalize().getParent());
                }
            } catch (NoSuchFileException e) {
                continue; // PyTorch was not installed by pip
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + folder, e);
            }
        }
        return Optional.empty();
    }

    /** By the names that JNA tries: none with a hash, such as libcudart-9335f6a2.so.12. */
    private static boolean isRuntime(Path path) {
        return path.getFileName().toString().matches("libcudart\\.so(\\.\\d+)*");
    }

    /**
     * Returns the versions of this program's parts by name: {@code djl-spectral}, {@code djl},
     * {@code pytorch}, {@code java}, {@code os}, and {@code commit} if built from a checkout.
     */
    public static Map<String, String> versions(Engine engine) {
        Map<String, String> versions = new TreeMap<>();
        versions.put("djl-spectral", version());
        versions.put("djl", Engine.getDjlVersion());
        versions.put("pytorch", engine.getVersion());
        versions.put("java", Runtime.version().toString());
        versions.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        Properties git = new Properties(); // empty if not built from a checkout
        try (InputStream in = Environment.class.getResourceAsStream("git.properties")) {
            git.load(in == null ? InputStream.nullInputStream() : in);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read git.properties", e);
        }
        String commit = git.getProperty("git.commit.id.full");
        if (commit != null) {
            boolean changed = Boolean.parseBoolean(git.getProperty("git.dirty"));
            versions.put("commit", changed ? commit + ", with changes" : commit);
        }
        return versions;
    }

    /** Returns the version of this program's jar; "development" outside of one. */
    public static String version() {
        String own = Environment.class.getPackage().getImplementationVersion();
        return own == null ? "development" : own;
    }

    /**
     * Turns Ctrl-C and termination into a request to stop: from {@link #hold} on the process ends
     * only after {@link #close}, so that work can be saved first. A second request ends it at once.
     */
    public static final class StopSignal implements AutoCloseable {

        /** What shells expect of a process that Ctrl-C has ended. */
        private static final int INTERRUPTED = 130;

        private final CountDownLatch closed = new CountDownLatch(1);
        private final Thread hook = new Thread(this::requestAndWait, "stop signal");
        private final Runnable onRequest;
        private volatile boolean requested;
        private volatile boolean held;

        /**
         * Begins to listen.
         *
         * @param onRequest is run in a thread of its own when the process is asked to end
         */
        public StopSignal(Runnable onRequest) {
            this.onRequest = onRequest;
            Runtime.getRuntime().addShutdownHook(hook);
        }

        /** Tells whether the process was asked to end. */
        public boolean requested() {
            return requested;
        }

        /** Lets the process wait from now on: there is something to save. */
        public void hold() {
            held = true;
        }

        private void requestAndWait() {
            requested = true;
            onRequest.run();
            if (!held) {
                System.err.println("Stopped before the first step; nothing was written.");
                return;
            }
            System.err.println("Stopping, to continue later; again to end at once.");
            List.of("INT", "TERM").forEach(StopSignal::endAtOnceOn);
            try {
                closed.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** The JVM takes no signal while it ends; its class for them is no part of Java's API. */
        private static void endAtOnceOn(String name) {
            try {
                Class<?> signal = Class.forName("sun.misc.Signal");
                Class<?> handler = Class.forName("sun.misc.SignalHandler");
                Object halt =
                        Proxy.newProxyInstance(
                                handler.getClassLoader(),
                                new Class<?>[] {handler},
                                (proxy, method, arguments) -> {
                                    Runtime.getRuntime().halt(INTERRUPTED);
                                    return null;
                                });
                signal.getMethod("handle", signal, handler)
                        .invoke(null, signal.getConstructor(String.class).newInstance(name), halt);
            } catch (ReflectiveOperationException e) {
                System.err.println("A second " + name + " will not be noticed: " + e);
            }
        }

        /** Lets the process end, if it was asked to. */
        @Override
        public void close() {
            closed.countDown();
            if (!requested) {
                try {
                    Runtime.getRuntime().removeShutdownHook(hook);
                } catch (IllegalStateException e) {
                    requested = true; // the process began to end just now; the hook will not wait
                }
            }
        }
    }
}

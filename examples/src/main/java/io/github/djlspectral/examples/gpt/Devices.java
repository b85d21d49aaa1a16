package io.github.djlspectral.examples.gpt;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.util.Utils;
import ai.djl.util.cuda.CudaUtils;
import io.github.djlspectral.text.BadInputException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Finds the device that {@code --device} names. */
public final class Devices {

    private Devices() {}

    /** Requires a name that some machine may have a device for. */
    static void requireName(String name) {
        BadInputException.unless(
                name.matches("cpu|gpu\\d{0,3}"),
                "--device is %s, but must be cpu, gpu, or gpu and a number",
                name);
    }

    /**
     * Returns a device.
     *
     * @param name {@code cpu}, {@code gpu}, or {@code gpu} and a number; without one it is 0
     * @return the device
     * @throws BadInputException if there is no such device
     */
    public static Device of(String name) {
        requireName(name);
        if (name.equals("cpu")) {
            return Device.cpu();
        }
        Device device = name.equals("gpu") ? Device.gpu() : Device.fromName(name);
        int count = Engine.getEngine("PyTorch").getGpuCount();
        BadInputException.unless(
                device.getDeviceId() < count,
                "--device is %s, but PyTorch sees %s GPUs here%s; use --device cpu",
                name,
                count,
                hint());
        return device;
    }

    /** Returns why DJL sees no GPU, and what to do; empty if it sees one. */
    public static String hint() {
        return Engine.getEngine("PyTorch").getGpuCount() > 0
                ? ""
                : hint(counted(), Utils.getEnvOrSystemProperty("PYTORCH_LIBRARY_PATH"));
    }

    /**
     * Returns why PyTorch sees no GPU.
     *
     * @param counted the GPUs that CUDA's runtime counts; -1 if DJL does not find the runtime
     * @param libraries where libtorch was said to be; null if it was not
     */
    static String hint(int counted, String libraries) {
        if (counted >= 0) {
            return counted == 0
                    ? ", as CUDA's runtime finds no GPU or no driver for it"
                    : ", as this libtorch is one for CPUs";
        }
        return Stream.ofNullable(libraries)
                .flatMap(paths -> Stream.of(paths.split(File.pathSeparator)))
                .flatMap(path -> cudaRuntime(Path.of(path)).stream())
                .findFirst()
                .map(
                        folder ->
                                ", as DJL does not find CUDA's runtime: start Java with"
                                        + " -Djna.library.path="
                                        + folder)
                .orElse(", as DJL does not find CUDA's runtime, on Linux libcudart.so");
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
}

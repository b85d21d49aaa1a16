package io.github.djlspectral.examples.gpt;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.djlspectral.text.BadInputException;
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

    /** Returns what to do if DJL sees no GPU though CUDA is there; empty otherwise. */
    public static String hint() {
        String libraries = System.getenv("PYTORCH_LIBRARY_PATH");
        if (libraries == null || Engine.getEngine("PyTorch").getGpuCount() > 0) {
            return "";
        }
        return cudaRuntime(Path.of(libraries))
                .map(
                        folder ->
                                ", as DJL does not find CUDA's runtime: start Java with"
                                        + " -Djna.library.path="
                                        + folder)
                .orElse(", and CUDA's runtime, libcudart.so, does not lie beside " + libraries);
    }

    /**
     * Finds the folder with CUDA's runtime that pip installs with PyTorch, where DJL, which asks it
     * for the number of GPUs, does not look by itself.
     *
     * @param libraries the folder with libtorch, such as {@code site-packages/torch/lib}
     */
    static Optional<Path> cudaRuntime(Path libraries) {
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

    private static boolean isRuntime(Path path) {
        return path.getFileName().toString().matches("libcudart[-\\w]*\\.so.*");
    }
}

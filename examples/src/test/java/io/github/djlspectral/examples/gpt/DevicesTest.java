package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import io.github.djlspectral.text.BadInputException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DevicesTest {

    @TempDir private Path packages;

    private Path folder(String name) throws IOException {
        return Files.createDirectories(packages.resolve(name));
    }

    @Test
    void findsTheRuntimeThatPipInstalls() throws IOException {
        Path libraries = folder("torch/lib");
        Files.createFile(libraries.resolve("libtorch.so"));
        assertThat(Devices.cudaRuntime(libraries)).isEmpty();
        Files.createFile(folder("nvidia/cublas/lib").resolve("libcublas.so.13"));
        assertThat(Devices.cudaRuntime(libraries)).isEmpty();
        Files.createFile(libraries.resolve("libcudart-9335f6a2.so.12")); // JNA does not find it
        assertThat(Devices.cudaRuntime(libraries)).isEmpty();
        Path runtime = folder("nvidia/cu13/lib");
        Files.createFile(runtime.resolve("libcudart.so.13"));
        assertThat(Devices.cudaRuntime(libraries)).contains(runtime);
        assertThat(Devices.cudaRuntime(libraries.resolve("libtorch.so"))).contains(runtime);
    }

    @Test
    void saysWhyThereIsNoGpu() throws IOException {
        Path libraries = folder("torch/lib");
        assertThat(Devices.hint(-1, libraries.toString())).endsWith("libcudart.so");
        assertThat(Devices.hint(-1, null)).isEqualTo(Devices.hint(-1, libraries.toString()));
        Path runtime = folder("nvidia/cuda_runtime/lib");
        Files.createFile(runtime.resolve("libcudart.so.12"));
        String paths = packages.resolve("none") + File.pathSeparator + libraries;
        assertThat(Devices.hint(-1, paths)).endsWith("-Djna.library.path=" + runtime);
        assertThat(Devices.hint(0, paths)).contains("no driver").doesNotContain("jna");
        assertThat(Devices.hint(1, paths)).contains("for CPUs").doesNotContain("jna");
        String why = Devices.hint(); // of this machine: empty only if it has a GPU
        assertThat(why.isEmpty()).isEqualTo(Engine.getEngine("PyTorch").getGpuCount() > 0);
        assertThatThrownBy(() -> Devices.of("gpu999"))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith("--device is gpu999, but PyTorch sees ")
                .hasMessageEndingWith(" GPUs here" + why + "; use --device cpu");
    }
}

package io.github.djlspectral.examples.experiment;

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

class EnvironmentTest {

    @TempDir private Path packages;

    private Path folder(String name) throws IOException {
        return Files.createDirectories(packages.resolve(name));
    }

    @Test
    void findsTheRuntimeThatPipInstalls() throws IOException {
        Path libraries = folder("torch/lib");
        Files.createFile(libraries.resolve("libtorch.so"));
        assertThat(Environment.cudaRuntime(libraries)).isEmpty();
        Files.createFile(folder("nvidia/cublas/lib").resolve("libcublas.so.13"));
        assertThat(Environment.cudaRuntime(libraries)).isEmpty();
        Files.createFile(libraries.resolve("libcudart-9335f6a2.so.12")); // JNA does not find it
        assertThat(Environment.cudaRuntime(libraries)).isEmpty();
        Path runtime = folder("nvidia/cu13/lib");
        Files.createFile(runtime.resolve("libcudart.so.13"));
        assertThat(Environment.cudaRuntime(libraries)).contains(runtime);
        assertThat(Environment.cudaRuntime(libraries.resolve("libtorch.so"))).contains(runtime);
    }

    @Test
    void saysWhyThereIsNoGpu() throws IOException {
        Path libraries = folder("torch/lib");
        assertThat(Environment.whyNoGpu(-1, libraries.toString())).endsWith("libcudart.so");
        assertThat(Environment.whyNoGpu(-1, null))
                .isEqualTo(Environment.whyNoGpu(-1, libraries.toString()));
        Path runtime = folder("nvidia/cuda_runtime/lib");
        Files.createFile(runtime.resolve("libcudart.so.12"));
        String paths = packages.resolve("none") + File.pathSeparator + libraries;
        assertThat(Environment.whyNoGpu(-1, paths)).endsWith("-Djna.library.path=" + runtime);
        assertThat(Environment.whyNoGpu(0, paths)).contains("no driver").doesNotContain("jna");
        assertThat(Environment.whyNoGpu(1, paths)).contains("for CPUs").doesNotContain("jna");
        String why = Environment.whyNoGpu(); // of this machine: empty only if it has a GPU
        assertThat(why.isEmpty()).isEqualTo(Engine.getEngine("PyTorch").getGpuCount() > 0);
        assertThatThrownBy(() -> Environment.device("gpu999"))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith("--device is gpu999, but PyTorch sees ")
                .hasMessageEndingWith(" GPUs here" + why + "; use --device cpu");
    }
}

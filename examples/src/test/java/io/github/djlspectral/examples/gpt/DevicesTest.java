package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

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
        Files.createFile(libraries.resolve("libcudart-9335f6a2.so.12")); // of older versions
        assertThat(Devices.cudaRuntime(libraries)).contains(libraries);
        Path runtime = folder("nvidia/cu13/lib");
        Files.createFile(runtime.resolve("libcudart.so.13"));
        assertThat(Devices.cudaRuntime(libraries)).contains(runtime);
    }
}

package io.github.djlspectral.zoo;

import ai.djl.util.Utils;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs a main method of the tests in a fresh virtual machine. */
public final class ChildJvm {

    private ChildJvm() {}

    /**
     * What a process did.
     *
     * @param code its exit code
     * @param output what it printed, errors too
     */
    public record Result(int code, String output) {}

    /**
     * Runs a class until it ends.
     *
     * @param zoo where it finds models
     * @param cache DJL's cache; native libraries stay where they are
     */
    public static Result run(Class<?> main, String zoo, Path cache, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Dai.djl.pytorch.num_threads=1"); // as in the tests' own process
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put(SpectralZoo.VARIABLE, zoo);
        builder.environment().put("ENGINE_CACHE_DIR", Utils.getEngineCacheDir().toString());
        builder.environment().put(EmptyCache.NAME, cache.toString());
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), output);
    }
}

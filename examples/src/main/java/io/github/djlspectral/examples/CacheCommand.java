package io.github.djlspectral.examples;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.io.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "cache",
        description = {
            "Shows what downloads and tokens take on disk, or deletes them.",
            "They are in the directory that DJL_SPECTRAL_CACHE names, else ~/.cache/djl-spectral."
        })
final class CacheCommand implements Runnable {

    @Option(names = "--clear", description = "Delete them. What is needed again is made again.")
    private boolean clear;

    @Override
    public void run() {
        run(CorpusLoader.defaultCacheDirectory(), clear).forEach(System.out::println);
    }

    /** Returns a line for each folder. */
    static List<String> run(Path directory, boolean clear) {
        return CorpusLoader.folders(directory).stream().map(folder -> run(clear, folder)).toList();
    }

    private static String run(boolean clear, Path folder) {
        double bytes = Files.exists(folder) ? size(folder) : 0;
        if (clear) {
            AtomicFiles.deleteAll(folder);
        }
        String verb = clear ? "deleted from" : "in";
        return Table.text("%10.1f MiB %s %s", bytes / (1 << 20), verb, folder);
    }

    private static long size(Path folder) {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).mapToLong(f -> f.toFile().length()).sum();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot list " + folder + " (" + e + ")", e);
        }
    }
}

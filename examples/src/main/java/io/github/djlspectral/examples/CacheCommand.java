package io.github.djlspectral.examples;

import io.github.djlspectral.examples.data.CorpusLoader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "cache",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Shows what downloads and tokens take on disk, or deletes them.",
            "They are in the directory that DJL_SPECTRAL_CACHE names, else ~/.cache/djl-spectral."
        })
final class CacheCommand implements Runnable {

    private static final double MEBIBYTE = 1 << 20;

    @Option(names = "--clear", description = "Delete them. What is needed again is made again.")
    private boolean clear;

    @Override
    public void run() {
        run(CorpusLoader.defaultCacheDirectory(), clear).forEach(System.out::println);
    }

    /** Returns a line for each folder. */
    static List<String> run(Path directory, boolean clear) {
        List<String> lines = new ArrayList<>();
        for (Path folder : CorpusLoader.folders(directory)) {
            List<Path> all = deepestFirst(folder);
            long bytes = all.stream().mapToLong(CacheCommand::size).sum();
            if (clear) {
                all.forEach(CacheCommand::delete);
            }
            String verb = clear ? "deleted from" : "in";
            lines.add(
                    String.format(Locale.ROOT, "%10.1f MiB %s %s", bytes / MEBIBYTE, verb, folder));
        }
        return lines;
    }

    private static List<Path> deepestFirst(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.walk(folder)) {
            return all.sorted(Comparator.reverseOrder()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot list " + folder + " (" + e + ")", e);
        }
    }

    private static long size(Path path) {
        try {
            return Files.isRegularFile(path) ? Files.size(path) : 0;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    private static void delete(Path path) {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot delete " + path + " (" + e + ")", e);
        }
    }
}

package io.github.djlspectral.examples.data;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Makes a directory that is seen whole or not at all, also after a crash. */
public final class AtomicDirectory {

    private AtomicDirectory() {}

    /** Writes the files of a directory. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes the files.
         *
         * @param directory an empty directory, of another name than the one to make
         * @throws IOException if a file cannot be written
         */
        void writeTo(Path directory) throws IOException;
    }

    /**
     * Makes a directory. It gets its name when its files are on disk; what an exception leaves
     * behind is deleted, what a crash leaves behind ends in {@code .tmp}.
     *
     * @param directory the directory to make; its parents are made as needed
     * @param content writes its files
     * @throws BadInputException if something of that name exists already, or a file cannot be
     *     written
     */
    public static void write(Path directory, Content content) {
        Path target = directory.toAbsolutePath().normalize();
        requireAbsent(directory);
        Path partial =
                target.resolveSibling(
                        target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        try {
            Files.createDirectories(target.getParent());
            Files.createDirectory(partial);
            try {
                content.writeTo(partial);
                sync(partial);
                requireAbsent(directory);
                Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                deleteAll(partial);
            }
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot write "
                            + directory
                            + " ("
                            + e
                            + "): free some space or choose another --out",
                    e);
        }
    }

    private static void requireAbsent(Path directory) {
        if (Files.exists(directory)) {
            throw new BadInputException(directory + " already exists: choose another --out");
        }
    }

    private static void sync(Path directory) throws IOException {
        for (Path path : deepestFirst(directory)) {
            if (Files.isRegularFile(path)) {
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
    }

    private static void deleteAll(Path directory) throws IOException {
        if (Files.exists(directory)) {
            for (Path path : deepestFirst(directory)) {
                Files.delete(path);
            }
        }
    }

    private static List<Path> deepestFirst(Path directory) throws IOException {
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.sorted(Comparator.reverseOrder()).toList();
        }
    }
}

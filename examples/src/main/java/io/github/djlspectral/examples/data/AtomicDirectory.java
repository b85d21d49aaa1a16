package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
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

    private final Path directory;
    private final Path target;
    private final Path partial;
    private boolean stopped;

    private AtomicDirectory(Path directory) {
        this.directory = directory;
        target = directory.toAbsolutePath().normalize();
        String name = target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp";
        partial = target.resolveSibling(name);
    }

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
     * Makes a directory. It gets its name when its files are on disk. What an exception or Ctrl-C
     * leaves behind is deleted; what a crash leaves behind ends in {@code .tmp}.
     *
     * @param directory the directory to make; its parents are made as needed
     * @param content writes its files
     * @throws BadInputException if something of that name exists already, or a file cannot be
     *     written
     */
    public static void write(Path directory, Content content) {
        AtomicDirectory atomic = new AtomicDirectory(directory);
        Thread cleaner = new Thread(atomic::stop);
        Runtime.getRuntime().addShutdownHook(cleaner);
        try {
            atomic.write(content);
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot write "
                            + directory
                            + " ("
                            + e
                            + "): free some space or choose another --out",
                    e);
        } finally {
            if (!atomic.isStopped()) {
                Runtime.getRuntime().removeShutdownHook(cleaner);
            }
        }
    }

    private void write(Content content) throws IOException {
        requireAbsent();
        Files.createDirectories(target.getParent());
        Files.createDirectory(partial);
        try {
            content.writeTo(partial);
            sync();
            publish();
        } finally {
            deleteAll();
        }
    }

    private synchronized void publish() throws IOException {
        requireAbsent();
        if (!stopped) {
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    /** Runs while the process ends; nothing is published afterwards. */
    private synchronized void stop() {
        stopped = true;
        try {
            deleteAll();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot delete " + partial, e);
        }
    }

    private void requireAbsent() {
        if (Files.exists(directory)) {
            throw new BadInputException(directory + " already exists: choose another --out");
        }
    }

    private void sync() throws IOException {
        for (Path path : deepestFirst()) {
            if (Files.isRegularFile(path)) {
                try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
    }

    private void deleteAll() throws IOException {
        if (Files.exists(partial)) {
            for (Path path : deepestFirst()) {
                Files.deleteIfExists(path);
            }
        }
    }

    private List<Path> deepestFirst() throws IOException {
        try (Stream<Path> paths = Files.walk(partial)) {
            return paths.sorted(Comparator.reverseOrder()).toList();
        }
    }
}

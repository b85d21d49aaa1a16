package io.github.djlspectral.zoo;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Changes to a folder that are undone unless they are all made. Files get the permissions that new
 * files have, so that a web server may read them; temporary files would be their owner's only.
 */
final class Transaction implements AutoCloseable {

    /** Ends the names of files that are not complete. */
    static final String PARTIAL = ".part";

    private final Path root;
    private final Deque<Undo> undos = new ArrayDeque<>();

    Transaction(Path root) {
        this.root = root;
    }

    /** Takes a change back. */
    @FunctionalInterface
    private interface Undo {
        void run() throws IOException;
    }

    void createDirectories(Path folder) throws IOException {
        Deque<Path> missing = new ArrayDeque<>();
        for (Path path = folder; !Files.exists(path); path = path.getParent()) {
            missing.push(path);
        }
        for (Path path : missing) {
            Files.createDirectory(path);
            path.toFile().deleteOnExit(); // if it is empty
            undos.push(() -> Files.deleteIfExists(path));
        }
    }

    /** Opens a file for writing; what an earlier attempt left there is overwritten. */
    OutputStream open(Path partial) throws IOException {
        undos.push(() -> Files.deleteIfExists(partial));
        partial.toFile().deleteOnExit(); // Ctrl-C runs no finally
        return Files.newOutputStream(partial);
    }

    /** Gives a complete file its name, unless a file of this name, hence content, exists. */
    void add(Path partial, Path file) throws IOException {
        sync(partial);
        if (!Files.exists(file)) {
            undos.push(() -> Files.deleteIfExists(file));
        }
        Files.move(
                partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Replaces a file in one step. */
    void replace(Path file, String text) throws IOException {
        byte[] before = Files.exists(file) ? Files.readAllBytes(file) : null;
        write(file, text.getBytes(StandardCharsets.UTF_8));
        undos.push(
                () -> {
                    if (before == null) {
                        Files.deleteIfExists(file);
                    } else {
                        write(file, before);
                    }
                });
    }

    private void write(Path file, byte[] bytes) throws IOException {
        Path partial = root.resolve(file.getFileName() + PARTIAL);
        partial.toFile().deleteOnExit();
        try {
            Files.write(partial, bytes);
            sync(partial);
            Files.move(
                    partial,
                    file,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    /** Waits until a file is on disk: a name must not overtake what it names. */
    private static void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /** Keeps the changes. */
    void commit() {
        undos.clear();
    }

    /** Undoes the changes, the last one first, unless they are kept. */
    @Override
    public void close() throws IOException {
        while (!undos.isEmpty()) {
            undos.pop().run();
        }
    }
}

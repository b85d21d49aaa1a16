package io.github.djlspectral.io;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Files and folders that are seen whole or not at all, also after a crash: each is made under
 * another name beside its own, which it gets when all of it is on disk. What an exception or Ctrl-C
 * leaves behind is deleted; what a crash leaves behind ends in {@code .tmp}.
 *
 * <p>The message of an {@link UncheckedIOException} names the file; its cause is what was thrown.
 */
public final class AtomicFiles {

    private static final Set<Path> LOCKED = ConcurrentHashMap.newKeySet();

    private AtomicFiles() {}

    /**
     * Writes what a file or folder is to have.
     *
     * @param <T> the channel of an empty file, or an empty folder
     */
    @FunctionalInterface
    public interface Content<T> {
        /**
         * Writes the content.
         *
         * @param target where to
         * @throws IOException if it cannot be written
         */
        void writeTo(T target) throws IOException;
    }

    /** Keeps other writers away from a folder until it is closed. */
    public interface Lock extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Writes or replaces a file, and makes the folders above it.
     *
     * @param file the file
     * @param content its content
     * @throws UncheckedIOException if it cannot be written; what was there is untouched
     */
    public static void write(Path file, Content<FileChannel> content) {
        Path partial = partial(file);
        partial.toFile().deleteOnExit(); // Ctrl-C runs no finally
        try {
            Files.createDirectories(partial.getParent());
            try (FileChannel channel =
                    FileChannel.open(partial, CREATE, TRUNCATE_EXISTING, WRITE)) {
                content.writeTo(channel);
            }
            move(partial, file);
        } catch (IOException e) {
            throw cannotWrite(file, e);
        } finally {
            deleteAll(partial);
        }
    }

    /**
     * Writes or replaces a text file, and makes the folders above it.
     *
     * @param file the file
     * @param text its content, UTF-8
     * @throws UncheckedIOException if it cannot be written; what was there is untouched
     */
    public static void write(Path file, String text) {
        write(file, channel -> writeFully(channel, StandardCharsets.UTF_8.encode(text)));
    }

    /**
     * Writes what a buffer has left.
     *
     * @param channel where to
     * @param buffer what
     * @throws IOException if it cannot be written
     */
    public static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /**
     * Gives a complete file its name once it is on disk: a name must not overtake what it names.
     *
     * @param partial a file of the same file system
     * @param file its new name; a file that has it is replaced
     * @throws IOException if that fails; what was there is untouched
     */
    public static void move(Path partial, Path file) throws IOException {
        sync(partial);
        Files.move(partial, file, ATOMIC_MOVE, REPLACE_EXISTING);
    }

    /**
     * Makes a folder, and those above it.
     *
     * @param folder the folder
     * @param content writes its files, to a folder of another name
     * @throws UncheckedIOException if something of that name exists, or it cannot be written
     */
    public static void createFolder(Path folder, Content<Path> content) {
        requireAbsent(folder);
        Path partial = partial(folder);
        Unfinished.FOLDERS.add(partial);
        try {
            Naming naming =
                    () -> {
                        requireAbsent(folder);
                        Files.move(partial, folder, ATOMIC_MOVE);
                    };
            make(folder, partial, naming, content);
        } finally {
            Unfinished.FOLDERS.remove(partial);
        }
    }

    /**
     * Makes or replaces a folder, and makes those above it; also in a shutdown hook.
     *
     * @param folder the folder, which no other process writes at the same time
     * @param content writes its files, to a folder of this name with {@code .tmp} appended
     * @throws UncheckedIOException if it cannot be written; what was there is untouched
     */
    public static void replaceFolder(Path folder, Content<Path> content) {
        Path partial = folder.toAbsolutePath().resolveSibling(folder.getFileName() + ".tmp");
        Path old = folder.toAbsolutePath().resolveSibling(folder.getFileName() + ".old.tmp");
        try {
            if (Files.exists(old) && Files.notExists(folder)) { // a crash came between two names
                Files.move(old, folder, ATOMIC_MOVE);
            }
        } catch (IOException e) {
            throw cannotWrite(folder, e);
        }
        deleteAll(old);
        make(folder, partial, () -> exchange(folder, partial, old), content);
        deleteAll(old);
    }

    /** Of the two folders one has the name at the end, whatever fails. */
    private static void exchange(Path folder, Path partial, Path old) throws IOException {
        boolean replaces = Files.exists(folder);
        if (replaces) {
            Files.move(folder, old, ATOMIC_MOVE);
        }
        try {
            Files.move(partial, folder, ATOMIC_MOVE);
        } catch (IOException e) {
            if (replaces) {
                Files.move(old, folder, ATOMIC_MOVE);
            }
            throw e;
        }
    }

    /** Gives a complete folder its name. */
    private interface Naming {
        void apply() throws IOException;
    }

    private static void make(Path folder, Path partial, Naming naming, Content<Path> content) {
        deleteAll(partial); // what a crash has left
        try {
            Files.createDirectories(partial);
            content.writeTo(partial);
            for (Path path : deepestFirst(partial)) {
                if (Files.isRegularFile(path)) {
                    sync(path);
                }
            }
            synchronized (AtomicFiles.class) { // not while it is being deleted
                naming.apply();
            }
        } catch (IOException e) {
            throw cannotWrite(folder, e);
        } finally {
            deleteAll(partial);
        }
    }

    /** Deletes the folders that are being made when the process ends. */
    private static final class Unfinished {
        static final Set<Path> FOLDERS = ConcurrentHashMap.newKeySet();

        static {
            Runtime.getRuntime()
                    .addShutdownHook(new Thread(() -> FOLDERS.forEach(Unfinished::delete)));
        }

        private static void delete(Path folder) {
            try {
                deleteAll(folder);
            } catch (UncheckedIOException e) { // still being filled: the others go all the same
                System.err.println(e.getMessage());
            }
        }
    }

    private static void requireAbsent(Path folder) {
        if (Files.exists(folder)) {
            String message = folder + " already exists: choose another name";
            throw new UncheckedIOException(message, new FileAlreadyExistsException(message));
        }
    }

    /**
     * Deletes a file, or a folder with all that is in it.
     *
     * @param path what to delete, if it exists
     * @throws UncheckedIOException if it cannot be deleted
     */
    public static synchronized void deleteAll(Path path) {
        try {
            if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                for (Path each : deepestFirst(path)) {
                    Files.deleteIfExists(each);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot delete " + path + " (" + e + ")", e);
        }
    }

    private static List<Path> deepestFirst(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            return paths.sorted(Comparator.reverseOrder()).toList();
        }
    }

    private static void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, WRITE)) {
            channel.force(true);
        }
    }

    /** A place of this thread's own. A temporary file would be its owner's only. */
    private static Path partial(Path target) {
        String owner = ProcessHandle.current().pid() + "-" + Thread.currentThread().getId();
        return target.toAbsolutePath().resolveSibling(target.getFileName() + "." + owner + ".tmp");
    }

    private static UncheckedIOException cannotWrite(Path path, IOException e) {
        String message = "Cannot write " + path + " (" + e + "): ";
        return new UncheckedIOException(message + "free some space or choose another folder", e);
    }

    /**
     * Keeps other writers, of this process or another, away from a folder. The operating system
     * frees it when the process ends, however.
     *
     * @param folder an existing folder
     * @return the lock, which the caller closes; its file, {@code .lock}, stays
     * @throws UncheckedIOException if another writer has it, or it cannot be taken
     */
    public static Lock lock(Path folder) {
        try {
            Path file = folder.toRealPath().resolve(".lock");
            // Where this process has the lock, closing the file once more would free it (POSIX).
            Lock lock = LOCKED.add(file) ? take(file) : null;
            if (lock != null) {
                return lock;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot lock " + folder + " (" + e + ")", e);
        }
        String busy =
                "Something else is writing to " + folder + ": wait until it is done, or end it";
        throw new UncheckedIOException(busy, new FileSystemException(busy));
    }

    /** Returns null if something else has the lock. */
    private static Lock take(Path file) throws IOException {
        boolean locked = false;
        try {
            FileChannel channel = FileChannel.open(file, CREATE, WRITE);
            locked = isLocked(channel);
            if (locked) {
                return () -> close(channel, file);
            }
            channel.close();
            return null;
        } finally {
            if (!locked) {
                LOCKED.remove(file);
            }
        }
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false; // this process has it, by another class loader
        }
    }

    private static void close(FileChannel channel, Path file) {
        if (channel.isOpen()) { // or the next owner would lose it
            try {
                channel.close();
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot free a lock (" + e + ")", e);
            } finally {
                LOCKED.remove(file);
            }
        }
    }
}

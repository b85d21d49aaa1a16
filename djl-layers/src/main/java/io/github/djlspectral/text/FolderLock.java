package io.github.djlspectral.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Keeps a second writer, of this process or another, away from a folder. */
public final class FolderLock implements AutoCloseable {

    private static final String FILE = ".lock";

    private final FileChannel channel;

    private FolderLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes the lock of a folder. The operating system frees it when the process ends, however.
     *
     * @param folder an existing folder
     * @return the lock; the caller closes it
     * @throws BadInputException if another writer has it
     * @throws UncheckedIOException if it cannot be taken
     */
    public static FolderLock take(Path folder) {
        FileLock lock = null;
        FileChannel channel = null;
        try {
            Path file = folder.resolve(FILE);
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            try {
                lock = channel.tryLock();
            } catch (OverlappingFileLockException e) {
                throw busy(folder, e);
            } finally {
                if (lock == null) {
                    channel.close();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot lock " + folder + " (" + e + ")", e);
        }
        if (lock == null) {
            throw busy(folder, null);
        }
        return new FolderLock(channel);
    }

    private static BadInputException busy(Path folder, Exception cause) {
        return new BadInputException(
                "Something else is writing to " + folder + ": wait until it is done, or end it",
                cause);
    }

    /** Frees the lock. Its file stays: deleted, it could be locked twice. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot free the lock (" + e + ")", e);
        }
    }
}

package io.github.djlspectral.examples.zoo;

import io.github.djlspectral.examples.data.BadInputException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Keeps a second publication, by this process or another, away from a repository. */
final class RepositoryLock implements AutoCloseable {

    private static final String FILE = ".lock";

    private final Path root;
    private final FileChannel channel;

    private RepositoryLock(Path root, FileChannel channel) {
        this.root = root;
        this.channel = channel;
    }

    static RepositoryLock take(Path root) throws IOException {
        FileChannel channel =
                FileChannel.open(
                        root.resolve(FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = null;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            throw busy(root, e);
        } finally {
            if (lock == null) {
                channel.close();
            }
        }
        if (lock == null) {
            throw busy(root, null);
        }
        return new RepositoryLock(root, channel);
    }

    /** Begins to change the repository. */
    Transaction begin() {
        return new Transaction(root);
    }

    private static BadInputException busy(Path root, Exception cause) {
        return new BadInputException(
                "Something else is being published to " + root + ": wait until it is done", cause);
    }

    /** Frees the lock. Its file stays: deleted, it could be locked twice. */
    @Override
    public void close() throws IOException {
        channel.close();
    }
}

package io.github.djlspectral.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;

/** Writes a file so that it is seen whole or not at all, also after a crash. */
public final class AtomicFile {

    private static final AtomicInteger COUNT = new AtomicInteger();

    private AtomicFile() {}

    /** What to write. */
    @FunctionalInterface
    public interface Content {
        /**
         * Writes the content.
         *
         * @param channel is at the beginning of an empty file
         * @throws IOException if it cannot be written
         */
        void writeTo(FileChannel channel) throws IOException;
    }

    /**
     * Names a place for something incomplete, beside what it will become, that no other thread or
     * process uses. What is made there has the permissions that new files have; a temporary file
     * would be its owner's only.
     *
     * @param target what it will become
     * @return a path at which nothing is
     */
    public static Path partial(Path target) {
        String owner = ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet();
        return target.resolveSibling(target.getFileName() + "." + owner + ".tmp");
    }

    /**
     * Writes a file, and the folders above it.
     *
     * @param file the file, which is replaced
     * @param content its content
     * @throws BadInputException if it cannot be written; what was there is untouched
     */
    public static void write(Path file, Content content) {
        Path target = file.toAbsolutePath();
        try {
            Files.createDirectories(target.getParent());
            Path partial = partial(target);
            partial.toFile().deleteOnExit(); // Ctrl-C leaves nothing
            try {
                try (FileChannel channel =
                        FileChannel.open(
                                partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                    content.writeTo(channel);
                    channel.force(true);
                }
                Files.move(
                        partial,
                        target,
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot write "
                            + file
                            + " ("
                            + e
                            + "): free some space or choose another folder",
                    e);
        }
    }

    /**
     * Writes all of some bytes.
     *
     * @param channel where to
     * @param bytes what
     * @throws IOException if they cannot be written
     */
    public static void writeFully(FileChannel channel, byte[] bytes) throws IOException {
        writeFully(channel, ByteBuffer.wrap(bytes));
    }

    /**
     * Writes the first of some bytes.
     *
     * @param channel where to
     * @param bytes what
     * @param length how many of them
     * @throws IOException if they cannot be written
     */
    public static void writeFully(FileChannel channel, byte[] bytes, int length)
            throws IOException {
        writeFully(channel, ByteBuffer.wrap(bytes, 0, length));
    }

    static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}

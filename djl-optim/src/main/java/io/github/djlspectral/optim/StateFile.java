package io.github.djlspectral.optim;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * A checksummed file: magic (8 bytes), version, header length, file length, the header, the arrays
 * and the CRC-32C of everything before it. Numbers are big-endian, arrays as they lie in memory.
 *
 * <p>Arrays pass between the file and their own memory without a copy, piece by piece: neither
 * their size nor the sum of all has a limit.
 */
final class StateFile implements AutoCloseable {

    private static final byte[] MAGIC = "DJLSSTAT".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 1;
    private static final int PREFIX_BYTES = MAGIC.length + 2 * Integer.BYTES + Long.BYTES;
    private static final int CHECKSUM_BYTES = Long.BYTES;
    private static final int BUFFER_BYTES = 1 << 22;
    private static final long PIECE_ELEMENTS = 1 << 20;

    private final FileChannel channel;
    private final CRC32C checksum = new CRC32C();

    private StateFile(FileChannel channel) {
        this.channel = channel;
    }

    /** What may fail to write or read. */
    interface Action<T> {
        void accept(T target) throws IOException;
    }

    /**
     * Replaces a file, or leaves it as it was if anything fails.
     *
     * @param arrayBytes the number of bytes that the body will write
     */
    static void write(Path path, byte[] header, long arrayBytes, Action<StateFile> arrays)
            throws IOException {
        Path partial = path.resolveSibling(path.getFileName() + ".partial");
        FileChannel channel = FileChannel.open(partial, CREATE, TRUNCATE_EXISTING, WRITE);
        try {
            try (StateFile file = new StateFile(channel)) {
                file.writePrefix(header, arrayBytes);
                arrays.accept(file);
                file.writeChecksum();
                // The new name must not be on the disk before the content.
                channel.force(true);
            }
            Files.move(partial, path, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private void writePrefix(byte[] header, long arrayBytes) throws IOException {
        ByteBuffer prefix = ByteBuffer.allocate(PREFIX_BYTES);
        prefix.put(MAGIC).putInt(VERSION).putInt(header.length);
        prefix.putLong(PREFIX_BYTES + header.length + arrayBytes + CHECKSUM_BYTES);
        write(prefix.flip());
        write(ByteBuffer.wrap(header));
    }

    private void writeChecksum() throws IOException {
        write(ByteBuffer.allocate(CHECKSUM_BYTES).putLong(checksum.getValue()).flip());
    }

    private void write(ByteBuffer bytes) throws IOException {
        checksum.update(bytes.duplicate());
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Appends the elements of an array on any device. */
    void writeArray(NDArray array) throws IOException {
        forEachPiece(
                array,
                piece -> {
                    try (NDArray host = piece.toDevice(Device.cpu(), false)) {
                        write(host.toByteBuffer(true));
                    }
                });
    }

    /** Reads the next elements into an array that lies in host memory. */
    void readArray(NDArray array) throws IOException {
        forEachPiece(array, piece -> readFully(piece.toByteBuffer(true)));
    }

    private static void forEachPiece(NDArray array, Action<NDArray> action) throws IOException {
        long size = array.size();
        try (NDArray flat = array.reshape(size)) {
            for (long from = 0; from < size; from += PIECE_ELEMENTS) {
                long to = Math.min(size, from + PIECE_ELEMENTS);
                try (NDArray piece = flat.get(new NDIndex("{}:{}", from, to))) {
                    action.accept(piece);
                }
            }
        }
    }

    /** Opens a file for reading. */
    static StateFile open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new NoSuchFileException("there is no such file");
        }
        return new StateFile(FileChannel.open(path, READ));
    }

    /**
     * Checks the whole file and returns its header. {@link #readArray} continues with the first
     * array.
     *
     * @throws IOException if it is no state file, of another version, cut off or changed
     */
    byte[] verify() throws IOException {
        ByteBuffer prefix = ByteBuffer.allocate(PREFIX_BYTES);
        long size = channel.size();
        if (size < PREFIX_BYTES + CHECKSUM_BYTES) {
            throw new IOException("it has only " + size + " bytes");
        }
        readFully(prefix);
        byte[] magic = new byte[MAGIC.length];
        prefix.flip().get(magic);
        if (!Arrays.equals(magic, MAGIC)) {
            throw new IOException("it is not an optimizer state file");
        }
        int version = prefix.getInt();
        if (version != VERSION) {
            throw new IOException(
                    "it has version " + version + ", this library reads version " + VERSION);
        }
        int headerLength = prefix.getInt();
        long expected = prefix.getLong();
        if (size != expected) {
            throw new IOException("it has " + size + " bytes instead of " + expected);
        }
        verifyChecksum(size - CHECKSUM_BYTES);
        channel.position(PREFIX_BYTES);
        ByteBuffer header = ByteBuffer.allocate(headerLength);
        readFully(header);
        return header.array();
    }

    private void verifyChecksum(long end) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        channel.position(0);
        for (long left = end; left > 0; left -= buffer.limit()) {
            buffer.clear().limit((int) Math.min(left, buffer.capacity()));
            readFully(buffer);
            checksum.update(buffer.flip());
        }
        ByteBuffer stored = ByteBuffer.allocate(CHECKSUM_BYTES);
        readFully(stored);
        if (stored.flip().getLong() != checksum.getValue()) {
            throw new IOException("its checksum is wrong, it was damaged after it was written");
        }
    }

    private void readFully(ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException("it ends too early");
            }
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

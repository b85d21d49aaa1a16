package io.github.djlspectral.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * The header of a token shard in llm.c's format: 256 x int32, little-endian; magic, version, number
 * of tokens, zeros.
 *
 * @param bytes its length; 0 for a shard without a header
 */
record ShardHeader(int bytes) {

    static final int MAGIC = 20240520;
    static final int VERSION = 1;
    static final int BYTES = 256 * Integer.BYTES;

    static ByteBuffer create(int tokens) {
        ByteBuffer header = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        return header.putInt(0, MAGIC).putInt(4, VERSION).putInt(8, tokens);
    }

    /** Reads and checks the header against the length of the file. */
    static ShardHeader read(Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size == 0 || size % Short.BYTES != 0) {
            throw new BadInputException(
                    file
                            + " has "
                            + size
                            + " bytes, not a positive multiple of 2: it is empty, cut off or no"
                            + " token shard");
        }
        ByteBuffer header = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int read = 0;
        while (read >= 0 && header.hasRemaining()) {
            read = channel.read(header, header.position());
        }
        LfsPointer.refuse(file, header.duplicate().flip());
        if (size >= Integer.BYTES && header.getInt(0) == MAGIC) {
            requireComplete(file, size, header);
            return new ShardHeader(BYTES);
        }
        requireNoHeader(file, header);
        return new ShardHeader(0);
    }

    private static void requireComplete(Path file, long size, ByteBuffer header) {
        if (header.hasRemaining()) {
            throw new BadInputException(
                    file + " ends inside its header: download or prepare it again");
        }
        int version = header.getInt(Integer.BYTES);
        if (version != VERSION) {
            throw new BadInputException(
                    file
                            + " is a token shard of version "
                            + version
                            + "; only version "
                            + VERSION
                            + " (16-bit tokens) can be read");
        }
        long tokens = Integer.toUnsignedLong(header.getInt(2 * Integer.BYTES));
        long expected = BYTES + tokens * Short.BYTES;
        if (tokens == 0 || size != expected) {
            throw new BadInputException(
                    file
                            + " has "
                            + size
                            + " bytes, but its header promises "
                            + tokens
                            + " tokens, "
                            + expected
                            + " bytes: download or prepare it again");
        }
    }

    /** Some numbers and then a thousand zeros are no text but the header of another format. */
    private static void requireNoHeader(Path file, ByteBuffer header) {
        if (header.hasRemaining()) {
            return;
        }
        for (int i = 3 * Integer.BYTES; i < BYTES; i++) {
            if (header.get(i) != 0) {
                return;
            }
        }
        throw new BadInputException(
                file
                        + " begins with a header of magic number "
                        + header.getInt(0)
                        + " instead of "
                        + MAGIC
                        + ": it is damaged or made for another model");
    }
}

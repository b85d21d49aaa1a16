package io.github.djlspectral.hf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/** Writes files in the safetensors format, of any length, one array at a time. */
public final class SafetensorsWriter {

    private static final int CHUNK = 1 << 20;

    private SafetensorsWriter() {}

    /**
     * Writes all arrays of a source.
     *
     * @param path the file to write or replace
     * @param source the arrays
     * @param format the format of all numbers; what it cannot hold is rounded
     * @param metadata notes for readers of the file; may be empty
     * @throws IOException if the file cannot be written; it is then incomplete
     */
    public static void write(
            Path path, TensorSource source, FloatFormat format, Map<String, String> metadata)
            throws IOException {
        SafetensorsHeader header = SafetensorsHeader.of(source, format);
        try (FileChannel channel =
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            write(channel, ByteBuffer.wrap(header.bytes(metadata)));
            ByteBuffer buffer = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
            for (String name : source.names()) {
                write(channel, source.read(name), format, buffer);
            }
        }
    }

    private static void write(
            FileChannel channel, float[] values, FloatFormat format, ByteBuffer buffer)
            throws IOException {
        int perChunk = buffer.capacity() / format.bytes();
        for (int done = 0; done < values.length; done += perChunk) {
            int count = Math.min(perChunk, values.length - done);
            format.encode(values, done, count, buffer.clear());
            write(channel, buffer.flip());
        }
    }

    private static void write(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}

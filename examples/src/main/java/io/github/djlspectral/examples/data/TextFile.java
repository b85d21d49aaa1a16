package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.LfsPointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Reads text strictly: what is not UTF-8 is an error, not a replacement character. */
final class TextFile {

    // Text and tokens are held in memory while they are prepared.
    private static final long MAX_BYTES = 1 << 30;

    private TextFile() {}

    static String read(Path file) {
        try {
            long size = Files.size(file);
            if (size > MAX_BYTES) {
                throw new BadInputException(
                        file
                                + " has "
                                + size
                                + " bytes; a text may have at most 1 GiB: prepare token shards"
                                + " and give their folder");
            }
            return decode(Files.readAllBytes(file), file.toString());
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + file, e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    /**
     * Decodes UTF-8.
     *
     * @param origin names the text in error messages
     */
    static String decode(byte[] bytes, String origin) {
        if (bytes.length == 0) {
            throw new BadInputException(origin + " is empty: give a text to learn from");
        }
        LfsPointer.refuse(Path.of(origin), ByteBuffer.wrap(bytes));
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        CoderResult result = decoder.decode(in, out, true);
        if (result.isError()) {
            throw new BadInputException(
                    origin
                            + " is not UTF-8 text: byte "
                            + in.position()
                            + " starts no character; convert it to UTF-8 first");
        }
        return out.flip().toString();
    }
}

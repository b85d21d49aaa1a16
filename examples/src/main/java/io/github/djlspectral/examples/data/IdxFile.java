package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/**
 * Bytes in MNIST's format, read whole: a big-endian magic number (two zero bytes, type, rank), the
 * sizes of the dimensions, the values; compressed by gzip.
 *
 * @param sizes of the dimensions, none below 1
 * @param values as many bytes as the sizes promise
 */
record IdxFile(int[] sizes, byte[] values) {

    private static final int MAGIC_OF_BYTES = 0x0800;
    private static final long MAX_VALUES = 1 << 30;

    /**
     * Reads a file.
     *
     * @param rank the number of dimensions that it must have
     * @throws BadInputException if it cannot be read or is not such a file
     */
    static IdxFile read(Path path, int rank) {
        try (DataInputStream in =
                new DataInputStream(new GZIPInputStream(Files.newInputStream(path)))) {
            int magic = in.readInt();
            if (magic != MAGIC_OF_BYTES + rank) {
                throw damaged(
                        path,
                        String.format(
                                Locale.ROOT,
                                "its magic number is 0x%08x instead of 0x%08x",
                                magic,
                                MAGIC_OF_BYTES + rank));
            }
            int[] sizes = new int[rank];
            long length = 1;
            for (int i = 0; i < rank; i++) {
                sizes[i] = in.readInt();
                length = sizes[i] < 1 ? 0 : Math.min(length * sizes[i], MAX_VALUES + 1);
            }
            if (length < 1 || length > MAX_VALUES) {
                throw damaged(path, "its dimensions are " + Arrays.toString(sizes));
            }
            byte[] values = in.readNBytes((int) length);
            if (values.length < length || in.read() >= 0) {
                throw damaged(
                        path,
                        "it promises "
                                + Arrays.toString(sizes)
                                + " bytes and has "
                                + (values.length < length ? "only " + values.length : "more"));
            }
            return new IdxFile(sizes, values);
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + path, e);
        } catch (EOFException e) {
            throw damaged(path, "it ends too early");
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot read " + path + " (" + e + "): it must be compressed by gzip", e);
        }
    }

    private static BadInputException damaged(Path path, String what) {
        return new BadInputException(
                path + " is not a usable MNIST file: " + what + "; download it again");
    }
}

package io.github.djlspectral.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs TorchScript source into the archive that libtorch loads, without Python.
 *
 * <p>libtorch reads an uncompressed zip with four entries: a version, the pickled root module (here
 * an object without attributes), the pickled tuple of tensor constants (here empty) and the source
 * of the package {@code __torch__}.
 */
final class TorchScriptArchive {

    /** The name of the class in the source whose methods become callable. */
    static final String MODULE_CLASS = "Kernels";

    // Older versions select older operator schemas: at 3, gelu has no "approximate".
    private static final String VERSION = "10\n";

    // Pickle protocol 2: the class's name, no arguments, NEWOBJ, an empty dictionary as its state.
    private static final String MODULE = "\u0080\u0002c__torch__\n" + MODULE_CLASS + "\n)\u0081}b.";

    private TorchScriptArchive() {}

    static byte[] pack(String source) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            add(zip, "version", ascii(VERSION));
            add(zip, "data.pkl", MODULE.getBytes(StandardCharsets.ISO_8859_1));
            add(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
            add(zip, "code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("Writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    static void add(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry("kernels/" + name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

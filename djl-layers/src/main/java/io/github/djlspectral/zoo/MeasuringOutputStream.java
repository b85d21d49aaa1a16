package io.github.djlspectral.zoo;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.security.MessageDigest;
import java.util.HexFormat;

/** Counts the bytes that pass and sums them up in a checksum. */
final class MeasuringOutputStream extends FilterOutputStream {

    private final MessageDigest digest = Sha1.digest();
    private long size;

    MeasuringOutputStream(OutputStream out) {
        super(out);
    }

    @Override
    public void write(int b) throws IOException {
        out.write(b);
        digest.update((byte) b);
        size++;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
        digest.update(bytes, offset, length);
        size += length;
    }

    long size() {
        return size;
    }

    /** Returns the checksum and begins a new one. */
    String sha1() {
        return HexFormat.of().formatHex(digest.digest());
    }
}

package io.github.djlspectral.zoo;

import ai.djl.repository.Artifact;
import ai.djl.util.Progress;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/** Gets the files of one version of a model. What is not right is never unpacked. */
final class Download {

    private static final int BUFFER = 1 << 16;
    private static final String PACKED = ".gz";

    // Numbers of a trained model hardly compress; all of one value, they do by a factor of 1000.
    private static final long MOST_RATIO = 64;
    private static final long SMALL = 1L << 26;

    private final Location location;
    private final Artifact artifact;
    private final Progress progress;

    /**
     * Names what to get.
     *
     * @param progress is told the bytes that arrive; may be null
     */
    Download(Location location, Artifact artifact, Progress progress) {
        this.location = location;
        this.artifact = artifact;
        this.progress = progress;
    }

    /** Gets all files, unpacked, into a folder. */
    void into(Path folder) throws IOException {
        if (progress != null) {
            progress.reset(
                    "Downloading",
                    artifact.getFiles().values().stream().mapToLong(Artifact.Item::getSize).sum());
        }
        try {
            for (Artifact.Item file : artifact.getFiles().values()) {
                get(file, folder);
            }
        } finally {
            if (progress != null) {
                progress.end();
            }
        }
    }

    private void get(Artifact.Item file, Path folder) throws IOException {
        String path = artifact.getMetadata().getRepositoryUri().getPath() + file.getUri();
        Path target = folder.resolve(file.getName());
        if (!path.endsWith(PACKED)) {
            copy(file, path, target);
            return;
        }
        Path packed = folder.resolve(file.getName() + PACKED);
        copy(file, path, packed);
        long most = Math.max(SMALL, MOST_RATIO * file.getSize());
        try (InputStream in = new GZIPInputStream(Files.newInputStream(packed), BUFFER);
                OutputStream out = Files.newOutputStream(target)) {
            byte[] buffer = new byte[BUFFER];
            long size = 0;
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                size += read;
                if (size > most) {
                    throw new IOException(
                            "it unpacks to more than " + most + " bytes, which no model does");
                }
                out.write(buffer, 0, read);
            }
        } catch (IOException e) {
            throw new IOException("Cannot unpack " + location.resolve(path) + " (" + e + ")", e);
        }
        Files.delete(packed);
    }

    private void copy(Artifact.Item file, String path, Path target) throws IOException {
        try (InputStream in = new BufferedInputStream(location.open(path), BUFFER);
                MeasuringOutputStream out =
                        new MeasuringOutputStream(Files.newOutputStream(target))) {
            copy(path, in, out, file.getSize());
            check(path, "size", out.size(), file.getSize());
            check(path, "SHA-1", out.sha1(), file.getSha1Hash().toLowerCase(Locale.ROOT));
        }
    }

    /** Copies at most one buffer more than there should be. */
    private void copy(String path, InputStream in, OutputStream out, long size) throws IOException {
        byte[] buffer = new byte[BUFFER];
        long left = size;
        for (int read = read(path, in, buffer); read >= 0 && left >= 0; ) {
            out.write(buffer, 0, read);
            if (progress != null) {
                progress.increment(read);
            }
            left -= read;
            read = read(path, in, buffer);
        }
    }

    private int read(String path, InputStream in, byte[] buffer) throws IOException {
        try {
            return in.read(buffer);
        } catch (IOException e) {
            throw new IOException(
                    location.resolve(path) + " ended before it was whole (" + e + ")", e);
        }
    }

    private void check(String path, String what, Object actual, Object expected)
            throws IOException {
        if (!actual.equals(expected)) {
            throw new IOException(
                    location.resolve(path)
                            + " is damaged: its "
                            + what
                            + " is "
                            + actual
                            + ", but the metadata say "
                            + expected);
        }
    }
}

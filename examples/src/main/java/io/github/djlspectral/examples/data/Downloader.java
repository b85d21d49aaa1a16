package io.github.djlspectral.examples.data;

import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.zoo.Http;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;

/**
 * Downloads files once and checks them. What has arrived is kept in a file ending in {@code .part}
 * until it is complete and right, and the next attempt asks only for the rest.
 */
final class Downloader {

    private static final int MAX_ATTEMPTS = 5;
    private static final int BUFFER = 1 << 16;
    private static final double MEBIBYTE = 1 << 20;
    private static final double SECONDS_BETWEEN_LINES = 5;
    private static final double NANO = 1e-9;

    private final Path folder;
    private final PrintStream messages;
    private final String alternative;

    /**
     * Creates the downloader.
     *
     * @param folder where files are put
     * @param messages receives progress, for people
     * @param alternative ends the error where nothing arrives: what works without a network
     */
    Downloader(Path folder, PrintStream messages, String alternative) {
        this.folder = folder;
        this.messages = messages;
        this.alternative = alternative;
    }

    /** Decides whether a downloaded file is the expected one. */
    @FunctionalInterface
    interface Check {

        /** Accepts any file, so a broken download cannot be told from a changed one. */
        Check ANY = file -> Optional.empty();

        /** Accepts token shards with llm.c's header, whose length is as it says. */
        Check TOKEN_SHARD =
                file -> {
                    try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
                        return shard.length() * Short.BYTES == Files.size(file)
                                ? Optional.of("it does not begin with the magic number of a shard")
                                : Optional.empty();
                    } catch (BadInputException e) {
                        return Optional.of(e.getMessage());
                    }
                };

        /** Says what is wrong with the file; empty if nothing is. */
        Optional<String> problem(Path file) throws IOException;

        static Check sha256(String expected) {
            return file -> compare("SHA-256", expected, digest("SHA-256", "", file));
        }

        /** For files that were published with this checksum: against damage, not malice. */
        static Check md5(String expected) {
            return file -> compare("MD5", expected, digest("MD5", "", file));
        }

        /** The name git gives to a file's content. */
        static Check gitBlob(String expected) {
            return file -> {
                String header = "blob " + Files.size(file) + "\0";
                return compare("git blob id", expected, digest("SHA-1", header, file));
            };
        }

        private static Optional<String> compare(String what, String expected, String actual) {
            return actual.equals(expected)
                    ? Optional.empty()
                    : Optional.of("its " + what + " is " + actual + " instead of " + expected);
        }

        private static String digest(String algorithm, String prefix, Path file)
                throws IOException {
            MessageDigest digest = newDigest(algorithm);
            digest.update(prefix.getBytes(StandardCharsets.UTF_8));
            try (InputStream in = Files.newInputStream(file)) {
                byte[] buffer = new byte[BUFFER];
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    digest.update(buffer, 0, read);
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        }

        /** Every Java platform has MD5, SHA-1 and SHA-256. */
        static MessageDigest newDigest(String algorithm) {
            try {
                return MessageDigest.getInstance(algorithm);
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /**
     * Returns a file on this machine, downloaded unless it is here already and right.
     *
     * @param uri where it is
     * @param path where to put it, relative to the folder of downloads
     * @param check what it must be; if anything, a beginning and a later rest cannot be told from
     *     parts of two different files, so that it is not resumed
     */
    Path fetch(URI uri, Path path, Check check) {
        Path target = folder.resolve(path);
        Path partial = target.resolveSibling(target.getFileName() + ".part");
        try {
            if (Files.exists(target) && check.problem(target).isEmpty()) {
                return target;
            }
            Files.createDirectories(target.toAbsolutePath().getParent());
            boolean resumed = Files.exists(partial) && Files.size(partial) > 0;
            Optional<String> problem = download(uri, partial, check);
            if (problem.isPresent() && resumed) {
                problem = download(uri, partial, check);
            }
            BadInputException.unless(
                    problem.isEmpty(),
                    "The download of %s is not the expected file: %s; it was deleted, so try again,"
                            + " or get the file elsewhere and put it at %s",
                    uri,
                    problem.orElse(""),
                    target);
            AtomicFiles.move(partial, target);
            return target;
        } catch (IOException e) {
            String message =
                    "Cannot download %s (%s): check the network and the space on disk and try again"
                            + " (a known data set continues where this ended); or put the file at %s;"
                            + " or %s";
            throw new BadInputException(message.formatted(uri, e, target, alternative), e);
        }
    }

    /** Completes the partial file; deletes it again if it then is not the expected one. */
    private Optional<String> download(URI uri, Path partial, Check check) throws IOException {
        try (FileChannel channel =
                FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            // Keeps other processes away until the channel is closed.
            BadInputException.unless(
                    channel.tryLock() != null,
                    "%s is being downloaded by another process: wait until it is done",
                    partial);
            if (check == Check.ANY) {
                channel.truncate(0);
            }
            messages.println("Downloading " + uri);
            transferWithRetries(uri, channel, check != Check.ANY);
        }
        Optional<String> problem = check.problem(partial);
        if (problem.isPresent()) {
            Files.delete(partial);
        }
        return problem;
    }

    /** A connection that broke after it brought something is worth another attempt at once. */
    private void transferWithRetries(URI uri, FileChannel channel, boolean resumable)
            throws IOException {
        for (int attempt = 1; true; attempt++) {
            long before = channel.size();
            try {
                transfer(uri, channel);
                return;
            } catch (IOException e) {
                if (attempt == MAX_ATTEMPTS || channel.size() == before || !resumable) {
                    throw e;
                }
                messages.println("The connection broke (" + e + "); continuing");
            }
        }
    }

    private void transfer(URI uri, FileChannel channel) throws IOException {
        long have = channel.size();
        String[] range = have > 0 ? new String[] {"Range", "bytes=" + have + "-"} : new String[0];
        HttpResponse<InputStream> response = Http.get(uri, range);
        int status = response.statusCode();
        try (InputStream body = response.body()) {
            if (status == 416) {
                return; // nothing is after what we have: the check says whether it is right
            }
            BadInputException.unless(
                    status == 200 || status == 206,
                    "The server answered %s to %s: check the address, or try again later",
                    status,
                    uri);
            String sent = response.headers().firstValue("Content-Range").orElse("none");
            BadInputException.unless(
                    status == 200 || sent.startsWith("bytes " + have + "-"),
                    "The server of %s was asked for the bytes from %s on and answered with the"
                            + " range %s: get the file by other means",
                    uri,
                    have,
                    sent);
            if (status == 200) {
                channel.truncate(0);
            }
            long rest = response.headers().firstValueAsLong("Content-Length").orElse(-1);
            copy(body, channel, rest < 0 ? "" : mebibytes(" of %.1f", channel.size() + rest));
        }
    }

    private void copy(InputStream body, FileChannel channel, String total) throws IOException {
        channel.position(channel.size());
        byte[] buffer = new byte[BUFFER];
        long lastLine = System.nanoTime();
        long then = channel.size();
        for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
            AtomicFiles.writeFully(channel, ByteBuffer.wrap(buffer, 0, read));
            double seconds = (System.nanoTime() - lastLine) * NANO;
            if (seconds >= SECONDS_BETWEEN_LINES) {
                long now = channel.size();
                String speed = mebibytes(", %.1f MiB/s", (now - then) / seconds);
                messages.println(mebibytes("%.1f", now) + total + " MiB" + speed);
                lastLine = System.nanoTime();
                then = now;
            }
        }
    }

    private static String mebibytes(String format, double bytes) {
        return String.format(Locale.ROOT, format, bytes / MEBIBYTE);
    }
}

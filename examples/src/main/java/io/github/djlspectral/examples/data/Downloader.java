package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import org.apache.commons.codec.binary.Hex;
import org.apache.commons.codec.digest.DigestUtils;

/**
 * Downloads files once and checks them. What has arrived is kept in a file ending in {@code .part}
 * until it is complete and right, and the next attempt asks only for the rest.
 *
 * @param folder where files are put
 * @param messages receives progress, for people
 * @param alternative ends the error where nothing arrives: what works without a network
 */
record Downloader(Path folder, PrintStream messages, String alternative) {

    private static final int MAX_ATTEMPTS = 5;
    private static final double SECONDS_BETWEEN_LINES = 5;

    /** Decides whether a downloaded file is the expected one. */
    @FunctionalInterface
    interface Check {

        /** Accepts any file, so a broken download cannot be told from a changed one. */
        Check ANY = file -> Optional.empty();

        /** Accepts token shards with llm.c's header, whose length is as it says. */
        Check TOKEN_SHARD = Downloader::noShard;

        /** Says what is wrong with the file; empty if nothing is. */
        Optional<String> problem(Path file) throws IOException;

        /** By SHA-256, or MD5 where a file was published with that: against damage, not malice. */
        static Check sum(String algorithm, String expected) {
            return file -> compare(algorithm, expected, DigestUtils.getDigest(algorithm), file);
        }

        /** The name git gives to a file's content. */
        static Check gitBlob(String expected) {
            return file -> {
                MessageDigest digest = DigestUtils.getSha1Digest();
                digest.update(("blob " + Files.size(file) + "\0").getBytes(UTF_8));
                return compare("git blob id", expected, digest, file);
            };
        }

        private static Optional<String> compare(
                String what, String expected, MessageDigest digest, Path file) throws IOException {
            String actual = Hex.encodeHexString(DigestUtils.updateDigest(digest, file).digest());
            String problem = "its " + what + " is " + actual + " instead of " + expected;
            return Optional.of(problem).filter(p -> !actual.equals(expected));
        }
    }

    static Optional<String> noShard(Path file) {
        try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
            boolean headless = shard.length() * Short.BYTES == file.toFile().length();
            String problem = "it does not begin with the magic number of a shard";
            return headless ? Optional.of(problem) : Optional.empty();
        } catch (BadInputException e) {
            return Optional.of(e.getMessage());
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
            String wrong =
                    "The download of %s is not the expected file: %s; it was deleted, so try again,"
                            + " or get the file elsewhere and put it at %s";
            unless(problem.isEmpty(), wrong, uri, problem.orElse(""), target);
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
            String busy = "%s is being downloaded by another process: wait until it is done";
            // Keeps other processes away until the channel is closed.
            unless(channel.tryLock() != null, busy, partial);
            if (check == Check.ANY) {
                channel.truncate(0);
            }
            messages.println("Downloading " + uri);
            transfer(uri, channel, check == Check.ANY ? 1 : MAX_ATTEMPTS);
        }
        Optional<String> problem = check.problem(partial);
        if (problem.isPresent()) {
            Files.delete(partial);
        }
        return problem;
    }

    private void transfer(URI uri, FileChannel channel, int attempts) throws IOException {
        long have = channel.size();
        String[] rest = have > 0 ? new String[] {"Range", "bytes=" + have + "-"} : new String[0];
        HttpResponse<InputStream> response = Http.get(uri, rest);
        int status = response.statusCode();
        try (InputStream body = response.body()) {
            if (status == 416) {
                return; // nothing is after what we have: the check says whether it is right
            }
            String refused = "The server answered %s to %s: check the address, or try again later";
            unless(status == 200 || status == 206, refused, status, uri);
            if (status == 200) {
                channel.truncate(0);
            }
            long left = response.headers().firstValueAsLong("Content-Length").orElse(-1);
            copy(body, channel, left < 0 ? "" : mebibytes(" of %.1f", channel.size() + left));
        } catch (IOException e) {
            if (attempts == 1 || channel.size() == have) {
                throw e;
            }
            // It brought something before it broke, so it is worth another attempt at once.
            messages.println("The connection broke (" + e + "); continuing");
            transfer(uri, channel, attempts - 1);
        }
    }

    private void copy(InputStream body, FileChannel channel, String total) throws IOException {
        channel.position(channel.size());
        byte[] buffer = new byte[1 << 16];
        long lastLine = System.nanoTime();
        long then = channel.size();
        for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
            AtomicFiles.writeFully(channel, ByteBuffer.wrap(buffer, 0, read));
            double seconds = (System.nanoTime() - lastLine) * 1e-9;
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
        return String.format(Locale.ROOT, format, bytes / (1 << 20));
    }
}

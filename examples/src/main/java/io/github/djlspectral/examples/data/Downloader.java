package io.github.djlspectral.examples.data;

import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.zoo.Http;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Downloads files once and checks them. What has arrived is kept in a file ending in {@code .part}
 * until it is complete and right, and the next attempt asks only for the rest.
 */
final class Downloader {

    private static final int MAX_ATTEMPTS = 5;

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

    /** Returns the file on this machine, downloaded unless it is here already and right. */
    Path fetch(RemoteFile file) {
        Path target = folder.resolve(file.path());
        Path partial = target.resolveSibling(target.getFileName() + ".part");
        try {
            if (Files.exists(target) && file.check().problem(target).isEmpty()) {
                return target;
            }
            Files.createDirectories(target.toAbsolutePath().getParent());
            boolean resumed = Files.exists(partial) && Files.size(partial) > 0;
            Optional<String> problem = download(file, partial);
            if (problem.isPresent() && resumed) {
                problem = download(file, partial);
            }
            if (problem.isPresent()) {
                throw new BadInputException(
                        "The download of "
                                + file.uri()
                                + " is not the expected file: "
                                + problem.get()
                                + "; it was deleted, so try again, or get the file elsewhere and"
                                + " put it at "
                                + target);
            }
            AtomicFiles.move(partial, target);
            return target;
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot download "
                            + file.uri()
                            + " ("
                            + e
                            + "): check the network and the space on disk and try again (a known"
                            + " data set continues where this ended); or put the file at "
                            + target
                            + "; or "
                            + alternative,
                    e);
        }
    }

    /** Completes the partial file; deletes it again if it then is not the expected one. */
    private Optional<String> download(RemoteFile file, Path partial) throws IOException {
        try (FileChannel channel =
                FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            lock(channel, partial);
            if (!file.isResumable()) {
                channel.truncate(0);
            }
            messages.println("Downloading " + file.uri());
            transferWithRetries(file, channel);
        }
        Optional<String> problem = file.check().problem(partial);
        if (problem.isPresent()) {
            Files.delete(partial);
        }
        return problem;
    }

    /** Keeps other processes away until the channel is closed. */
    private static void lock(FileChannel channel, Path partial) throws IOException {
        if (channel.tryLock() == null) {
            throw new BadInputException(
                    partial + " is being downloaded by another process: wait until it is done");
        }
    }

    /** A connection that broke after it brought something is worth another attempt at once. */
    private void transferWithRetries(RemoteFile file, FileChannel channel) throws IOException {
        for (int attempt = 1; true; attempt++) {
            long before = channel.size();
            try {
                transfer(file, channel);
                return;
            } catch (IOException e) {
                if (attempt == MAX_ATTEMPTS || channel.size() == before || !file.isResumable()) {
                    throw e;
                }
                messages.println("The connection broke (" + e + "); continuing");
            }
        }
    }

    private void transfer(RemoteFile file, FileChannel channel) throws IOException {
        long have = channel.size();
        String[] range = have > 0 ? new String[] {"Range", "bytes=" + have + "-"} : new String[0];
        HttpResponse<InputStream> response = Http.get(file.uri(), range);
        try (InputStream body = response.body()) {
            switch (response.statusCode()) {
                case 200 -> channel.truncate(0);
                case 206 -> requireContinuation(file, response, have);
                case 416 -> {
                    // There is nothing after what we have: the check says whether it is right.
                    return;
                }
                default ->
                        throw new BadInputException(
                                "The server answered "
                                        + response.statusCode()
                                        + " to "
                                        + file.uri()
                                        + ": check the address, or try again later");
            }
            long rest = response.headers().firstValueAsLong("Content-Length").orElse(-1);
            copy(file, body, channel, rest);
        }
    }

    private static void requireContinuation(
            RemoteFile file, HttpResponse<InputStream> response, long have) {
        String range = response.headers().firstValue("Content-Range").orElse("none");
        if (!range.startsWith("bytes " + have + "-")) {
            throw new BadInputException(
                    "The server of "
                            + file.uri()
                            + " was asked for the bytes from "
                            + have
                            + " on and answered with the range "
                            + range
                            + ": get the file by other means");
        }
    }

    private void copy(RemoteFile file, InputStream body, FileChannel channel, long rest)
            throws IOException {
        long have = channel.size();
        channel.position(have);
        String name = file.path().getFileName().toString();
        try (DownloadBar bar = new DownloadBar(name, have, rest, messages)) {
            byte[] buffer = new byte[1 << 16];
            for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
                AtomicFiles.writeFully(channel, ByteBuffer.wrap(buffer, 0, read));
                bar.add(read);
            }
        }
    }
}

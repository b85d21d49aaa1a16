package io.github.djlspectral.zoo;

import ai.djl.repository.Metadata;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

/**
 * Publishes models into a repository: a folder in DJL's layout, with {@code
 * model/<application>/<group>/<artifact>/metadata.json}, that any static web server can offer.
 *
 * <p>The repository only grows. Files get names of their own, which depend on their content, and
 * are complete and on disk before {@code metadata.json}, replaced in one step, mentions them: who
 * reads at the same time, or after a crash, sees the repository as it was or as it shall be. What
 * an interrupted publication leaves behind nobody reads. Two publications at a time are refused.
 * Nothing outside the folder is written.
 */
public final class Publisher {

    /** Ends the names of files that are not complete. */
    static final String PARTIAL = ".part";

    private static final int BUFFER = 1 << 16;
    private static final int SHORT_SUM = 12;

    private final Path root;

    /**
     * What a publication writes, or would write.
     *
     * @param files the files that are new
     * @param metadata the path of the file that lists the versions, relative to the repository
     * @param entry what that file says about this version, as JSON
     */
    public record Release(List<StoredFile> files, String metadata, String entry) {}

    /**
     * A file in the repository.
     *
     * @param path relative to the repository
     * @param size in bytes
     * @param sha1 the checksum of these bytes
     */
    public record StoredFile(String path, long size, String sha1) {}

    /**
     * Names the repository.
     *
     * @param repository a folder; created when something is published
     */
    public Publisher(Path repository) {
        root = repository.toAbsolutePath().normalize();
    }

    /**
     * Publishes a model. Time and disk: one pass of gzip over the parameters, which saves about a
     * tenth of them.
     *
     * @param publication the model
     * @return what was written
     * @throws BadInputException if the version exists and is not to be replaced, or the repository
     *     is damaged, is being written by someone else or cannot be written; the repository then is
     *     as it was
     */
    @SuppressWarnings("try") // the lock is held, not used
    public Release publish(Publication publication) {
        try {
            Files.createDirectories(root);
            try (AtomicFiles.Lock lock = AtomicFiles.lock(root);
                    Transaction transaction = new Transaction()) {
                JsonObject metadata = metadata(publication);
                List<Catalog.Entry> models = models();
                Path folder = root.resolve(publication.folder());
                requireInside(folder);
                transaction.createDirectories(folder);
                Map<String, StoredFile> files = new LinkedHashMap<>();
                for (String name : publication.files.keySet()) {
                    Path partial = folder.resolve(name + PARTIAL);
                    try (OutputStream out = transaction.open(partial)) {
                        files.put(name, pack(publication, name, out));
                    }
                    transaction.add(partial, root.resolve(files.get(name).path()));
                }
                JsonObject artifact = Catalog.artifact(publication, files);
                Catalog.add(artifact, metadata);
                String index = Catalog.index(models, publication.coordinates);
                transaction.replace(root.resolve(Catalog.INDEX), index);
                transaction.replace(metadataFile(publication), Catalog.text(metadata));
                transaction.commit();
                return release(publication, files, artifact);
            }
        } catch (UncheckedIOException e) {
            throw cannotPublish(e.getCause());
        } catch (IOException e) {
            throw cannotPublish(e);
        }
    }

    private BadInputException cannotPublish(IOException e) {
        String problem =
                "Cannot publish to %s (%s); the repository is as it was: free some space or choose"
                        + " another folder";
        return new BadInputException(problem.formatted(root, e.getMessage()), e);
    }

    /**
     * Does what {@link #publish} does, but for writing.
     *
     * @param publication the model
     * @return what would be written
     * @throws BadInputException if the publication would be refused
     */
    public Release preview(Publication publication) {
        try {
            metadata(publication);
            models();
            Map<String, StoredFile> files = new LinkedHashMap<>();
            for (String name : publication.files.keySet()) {
                files.put(name, pack(publication, name, OutputStream.nullOutputStream()));
            }
            return release(publication, files, Catalog.artifact(publication, files));
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + root + " (" + e.getMessage() + ")", e);
        }
    }

    private Path metadataFile(Publication publication) {
        return root.resolve(publication.coordinates.directory()).resolve(Catalog.METADATA);
    }

    /** Reads the metadata that a publication will extend; without, new ones are begun. */
    private JsonObject metadata(Publication publication) throws IOException {
        Path file = metadataFile(publication);
        if (!Files.exists(file)) {
            return Catalog.begin(publication);
        }
        Coordinates model = publication.coordinates;
        String text = Files.readString(file);
        Metadata metadata = Catalog.metadata(text, file, model.groupId(), model.artifactId());
        BadInputException.unless(
                publication.replacing
                        || metadata.getArtifacts().stream()
                                .noneMatch(other -> other.getVersion().equals(model.version())),
                "%s has version %s already: publish another version, or replace this one (--force)",
                file,
                model.version());
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private List<Catalog.Entry> models() throws IOException {
        Path file = root.resolve(Catalog.INDEX);
        return Files.exists(file) ? Catalog.models(Files.readString(file), file) : List.of();
    }

    /** A link inside the repository might lead elsewhere. */
    private void requireInside(Path folder) throws IOException {
        Path existing = folder;
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        Path real = existing.toRealPath();
        boolean inside = real.startsWith(root.toRealPath());
        BadInputException.unless(inside, "%s leads out of the repository to %s", existing, real);
    }

    /** Writes a file packed. Its name depends on its bytes: none is written over another one. */
    private static StoredFile pack(Publication publication, String name, OutputStream out)
            throws IOException {
        MeasuringStream measured = new MeasuringStream(out);
        try (GZIPOutputStream packed = new GZIPOutputStream(measured, BUFFER)) {
            publication.files.get(name).writeTo(packed);
        }
        String sha1 = Catalog.hex(measured.getMessageDigest());
        int dot = name.lastIndexOf('.');
        int end = dot > 0 ? dot : name.length();
        String stored = name.substring(0, end) + "-" + sha1.substring(0, SHORT_SUM);
        String path = publication.folder() + "/" + stored + name.substring(end) + ".gz";
        return new StoredFile(path, measured.size, sha1);
    }

    /** Counts the bytes that pass and sums them up in a checksum. */
    private static final class MeasuringStream extends DigestOutputStream {

        private long size;

        MeasuringStream(OutputStream out) {
            super(out, Catalog.sha1());
        }

        @Override
        public void write(int b) throws IOException {
            super.write(b);
            size++;
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            super.write(bytes, offset, length);
            size += length;
        }
    }

    private static Release release(
            Publication publication, Map<String, StoredFile> files, JsonObject artifact) {
        String metadata = publication.coordinates.directory() + "/" + Catalog.METADATA;
        return new Release(List.copyOf(files.values()), metadata, Catalog.text(artifact));
    }

    /**
     * Changes to a folder that are undone unless they are all made. Files get the permissions that
     * new files have, so that a web server may read them; temporary files would be their owner's
     * only.
     */
    static final class Transaction implements AutoCloseable {

        private final Deque<Runnable> undos = new ArrayDeque<>();

        void createDirectories(Path folder) throws IOException {
            Deque<Path> missing = new ArrayDeque<>();
            for (Path path = folder; !Files.exists(path); path = path.getParent()) {
                missing.push(path);
            }
            for (Path path : missing) {
                Files.createDirectory(path);
                path.toFile().deleteOnExit(); // if it is empty
                undos.push(() -> AtomicFiles.deleteAll(path));
            }
        }

        /** Opens a file for writing; what an earlier attempt left there is overwritten. */
        OutputStream open(Path partial) throws IOException {
            undos.push(() -> AtomicFiles.deleteAll(partial));
            partial.toFile().deleteOnExit(); // Ctrl-C runs no finally
            return Files.newOutputStream(partial);
        }

        /** Gives a complete file its name, unless a file of this name, hence content, exists. */
        void add(Path partial, Path file) throws IOException {
            if (!Files.exists(file)) {
                undos.push(() -> AtomicFiles.deleteAll(file));
            }
            AtomicFiles.move(partial, file);
        }

        /** Replaces a file in one step. */
        void replace(Path file, String text) throws IOException {
            if (Files.exists(file)) {
                String before = Files.readString(file);
                undos.push(() -> AtomicFiles.write(file, before));
            } else {
                undos.push(() -> AtomicFiles.deleteAll(file));
            }
            AtomicFiles.write(file, text);
        }

        /** Keeps the changes. */
        void commit() {
            undos.clear();
        }

        /** Undoes the changes, the last one first, unless they are kept. */
        @Override
        public void close() {
            while (!undos.isEmpty()) {
                undos.pop().run();
            }
        }
    }
}

package io.github.djlspectral.zoo;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.repository.Artifact;
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
import java.security.MessageDigest;
import java.util.ArrayList;
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

    private static final int BUFFER = 1 << 16;

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
            try (AtomicFiles.Lock lock = AtomicFiles.lock(root)) {
                return write(publication, true);
            }
        } catch (IOException | UncheckedIOException e) {
            Throwable cause = e instanceof UncheckedIOException ? e.getCause() : e;
            String problem = "Cannot publish to " + root + " (" + cause.getMessage() + ")";
            throw new BadInputException(problem + "; the repository is as it was", e);
        }
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
            return write(publication, false);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + root + " (" + e.getMessage() + ")", e);
        }
    }

    /** Packs the files; to nowhere if it is not for real. */
    private Release write(Publication publication, boolean real) throws IOException {
        Coordinates model = publication.coordinates;
        String directory = model.directory() + "/";
        Path metadataFile = root.resolve(directory + Catalog.METADATA);
        JsonObject metadata = metadata(publication, metadataFile);
        Path indexFile = root.resolve(Catalog.INDEX);
        boolean first = !Files.exists(indexFile);
        String index = first ? Catalog.NO_MODELS : Files.readString(indexFile);
        String newIndex = Catalog.index(index, indexFile, model);
        String version = model.version();
        for (int i = 1; Files.exists(root.resolve(directory + version)); i++) {
            version = model.version() + "-" + i; // the folder of a replaced one, or after a crash
        }
        Path folder = root.resolve(directory + version);
        Map<String, Artifact.Item> files = new LinkedHashMap<>();
        if (real) {
            requireInside(folder);
            AtomicFiles.createFolder(folder, partial -> pack(publication, partial, files));
        } else {
            pack(publication, null, files);
        }
        List<StoredFile> stored = new ArrayList<>();
        for (Artifact.Item file : files.values()) {
            file.setUri(version + "/" + file.getUri());
            String path = directory + file.getUri();
            stored.add(new StoredFile(path, file.getSize(), file.getSha1Hash()));
        }
        JsonObject artifact = Catalog.tree(publication.artifact);
        artifact.add("files", Catalog.tree(files));
        Catalog.add(artifact, metadata);
        if (real) {
            try {
                AtomicFiles.write(indexFile, newIndex);
                AtomicFiles.write(metadataFile, Catalog.text(metadata));
            } catch (UncheckedIOException e) {
                try {
                    if (first) {
                        AtomicFiles.deleteAll(indexFile);
                    } else {
                        AtomicFiles.write(indexFile, index);
                    }
                    AtomicFiles.deleteAll(folder);
                } catch (UncheckedIOException undone) {
                    e.addSuppressed(undone);
                }
                throw e;
            }
        }
        return new Release(stored, directory + Catalog.METADATA, Catalog.text(artifact));
    }

    /** Reads the metadata that a publication will extend. */
    private static JsonObject metadata(Publication publication, Path file) throws IOException {
        if (!Files.exists(file)) {
            return Catalog.tree(publication.metadata);
        }
        Coordinates model = publication.coordinates;
        String text = Files.readString(file);
        String id = model.groupId() + ":" + model.artifactId();
        Metadata metadata = Catalog.metadata(text, file, id);
        boolean exists =
                metadata.getArtifacts().stream()
                        .anyMatch(other -> other.getVersion().equals(model.version()));
        String problem =
                "%s has version %s already: publish another version, or replace this one"
                        + " (optReplacing, --force)";
        unless(publication.replacing || !exists, problem, file, model.version());
        return JsonParser.parseString(text).getAsJsonObject();
    }

    /** A link inside the repository might lead elsewhere. */
    private void requireInside(Path folder) throws IOException {
        Path existing = folder;
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        Path real = existing.toRealPath();
        boolean inside = real.startsWith(root.toRealPath());
        unless(inside, "%s leads out of the repository to %s", existing, real);
    }

    /** Packs all files, into a folder if there is one. The names depend on the packed bytes. */
    private static void pack(Publication publication, Path folder, Map<String, Artifact.Item> items)
            throws IOException {
        for (String name : publication.files.keySet()) {
            Path file = folder == null ? null : folder.resolve(name);
            Artifact.Item item = new Artifact.Item();
            MessageDigest sum = Catalog.sha1();
            try (OutputStream out =
                            file == null
                                    ? OutputStream.nullOutputStream()
                                    : Files.newOutputStream(file);
                    CountingGzip packed = new CountingGzip(new DigestOutputStream(out, sum))) {
                publication.files.get(name).writeTo(packed);
                packed.finish();
                item.setSize(packed.size());
            }
            item.setName(name);
            item.setSha1Hash(Catalog.hex(sum));
            int dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length();
            String stored = name.substring(0, dot) + "-" + item.getSha1Hash().substring(0, 12);
            item.setUri(stored + name.substring(dot) + ".gz");
            items.put(name, item);
            if (file != null) {
                Files.move(file, folder.resolve(item.getUri()));
            }
        }
    }

    /** Knows how many bytes it wrote, once it is finished. */
    private static final class CountingGzip extends GZIPOutputStream {

        CountingGzip(OutputStream out) throws IOException {
            super(out, BUFFER);
        }

        long size() {
            return 10 + def.getBytesWritten() + 8; // between header and trailer
        }
    }
}

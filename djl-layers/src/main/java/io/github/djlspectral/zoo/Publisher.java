package io.github.djlspectral.zoo;

import com.google.gson.JsonObject;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.FolderLock;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

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

    private final Path root;

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
        Path folder = folder(publication);
        try {
            Files.createDirectories(root);
            try (FolderLock lock = FolderLock.take(root);
                    Transaction transaction = new Transaction(root)) {
                Catalog catalog = Catalog.read(folder, publication);
                Index index = Index.read(root);
                Path versionFolder = folder.resolve(version(publication));
                requireInside(versionFolder);
                transaction.createDirectories(versionFolder);
                List<Content.Packed> files = new ArrayList<>();
                for (Content content : publication.files()) {
                    files.add(pack(content, versionFolder, transaction));
                }
                JsonObject artifact = Catalog.artifact(publication, files);
                transaction.replace(root.resolve(Index.FILE), index.with(publication));
                transaction.replace(folder.resolve(Catalog.FILE), catalog.with(artifact));
                transaction.commit();
                return release(publication, files, artifact);
            }
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot publish to "
                            + root
                            + " ("
                            + e.getMessage()
                            + "); the repository is as it was: free some space or choose another"
                            + " --repo",
                    e);
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
            Catalog.read(folder(publication), publication);
            Index.read(root);
            List<Content.Packed> files = new ArrayList<>();
            for (Content content : publication.files()) {
                files.add(content.packTo(OutputStream.nullOutputStream()));
            }
            return release(publication, files, Catalog.artifact(publication, files));
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + root + " (" + e.getMessage() + ")", e);
        }
    }

    private static Content.Packed pack(Content content, Path folder, Transaction transaction)
            throws IOException {
        Path partial = folder.resolve(content.name() + Transaction.PARTIAL);
        Content.Packed packed;
        try (OutputStream out = transaction.open(partial)) {
            packed = content.packTo(out);
        }
        transaction.add(partial, folder.resolve(packed.storedName()));
        return packed;
    }

    private Path folder(Publication publication) {
        return root.resolve(publication.coordinates().directory());
    }

    private static String version(Publication publication) {
        return publication.coordinates().version();
    }

    /** A link inside the repository might lead elsewhere. */
    private void requireInside(Path folder) throws IOException {
        Path existing = folder;
        while (!Files.exists(existing)) {
            existing = existing.getParent();
        }
        if (!existing.toRealPath().startsWith(root.toRealPath())) {
            throw new BadInputException(
                    existing + " leads out of the repository to " + existing.toRealPath());
        }
    }

    private Release release(
            Publication publication, List<Content.Packed> files, JsonObject artifact) {
        String directory = publication.coordinates().directory();
        List<Release.StoredFile> stored =
                files.stream()
                        .map(
                                file ->
                                        new Release.StoredFile(
                                                directory
                                                        + "/"
                                                        + version(publication)
                                                        + "/"
                                                        + file.storedName(),
                                                file.size(),
                                                file.sha1()))
                        .toList();
        return new Release(stored, directory + "/" + Catalog.FILE, Catalog.text(artifact));
    }
}

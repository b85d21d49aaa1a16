package io.github.djlspectral.zoo;

import ai.djl.repository.AbstractRepository;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Metadata;
import ai.djl.repository.VersionRange;
import ai.djl.util.Progress;
import ai.djl.util.Utils;
import io.github.djlspectral.text.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A repository in a folder or on a static web server, with DJL's cache. Where DJL's own do not do:
 *
 * <ul>
 *   <li>{@code RemoteRepository} keeps metadata for a day, whatever their address, and so does not
 *       see new versions, nor a second repository; here they are read anew each time, but for DJL's
 *       offline mode.
 *   <li>Its files are cached under the version alone; here under the version and the checksums, so
 *       that another repository's, or a replaced, version 1.0.0 is another one.
 *   <li>Without a version the first one in the file is taken; here the newest.
 *   <li>Sizes are not checked, checksums only after unpacking, and names are trusted.
 * </ul>
 */
final class StaticRepository extends AbstractRepository {

    private static final int SHORT_SUM = 16;
    private static final int LARGEST_TEXT = 1 << 24;

    private final Location location;

    StaticRepository(String name, Location location) {
        super(name, location.base());
        this.location = location;
    }

    /** Returns true: DJL shall read files from its cache only. */
    @Override
    public boolean isRemote() {
        return true;
    }

    @Override
    public Metadata locate(MRL mrl) throws IOException {
        URI folder = mrl.toURI();
        String path = folder.getPath() + Catalog.FILE;
        Metadata metadata =
                MetadataReader.parse(
                        text(path), location.resolve(path), mrl.getGroupId(), mrl.getArtifactId());
        List<Artifact> newestFirst = new ArrayList<>(metadata.getArtifacts());
        newestFirst.sort(new Artifact.VersionComparator().reversed());
        metadata.setArtifacts(newestFirst);
        metadata.setRepositoryUri(folder);
        return metadata;
    }

    @Override
    public Artifact resolve(MRL mrl, Map<String, String> filter) throws IOException {
        return locate(mrl).search(VersionRange.parse(mrl.getVersion()), filter).stream()
                .findFirst()
                .orElse(null);
    }

    @Override
    public List<MRL> getResources() {
        try {
            Index index = Index.parse(text(Index.FILE), location.resolve(Index.FILE));
            return index.artifacts().stream().map(entry -> entry.mrl(this)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read the model zoo: " + e.getMessage(), e);
        }
    }

    /** Reads a small text; keeps a copy, which is read in DJL's offline mode. */
    private String text(String path) throws IOException {
        Path copy =
                getCacheDirectory().resolve("zoo-" + Utils.hash(location.toString())).resolve(path);
        if (location.isRemote() && Utils.isOfflineMode()) {
            if (!Files.exists(copy)) {
                throw new IOException(
                        "DJL is in offline mode, and "
                                + location.resolve(path)
                                + " was not read before");
            }
            return Files.readString(copy);
        }
        try (InputStream in = location.open(path)) {
            byte[] text = in.readNBytes(LARGEST_TEXT + 1);
            if (text.length > LARGEST_TEXT) {
                throw new IOException(
                        location.resolve(path)
                                + " has more than "
                                + LARGEST_TEXT
                                + " bytes, which no list of models needs");
            }
            if (location.isRemote()) {
                AtomicFile.write(copy, channel -> AtomicFile.writeFully(channel, text));
            }
            return new String(text, StandardCharsets.UTF_8);
        }
    }

    /** Returns the folder in DJL's cache that has the unpacked files, once they are prepared. */
    @Override
    public Path getResourceDirectory(Artifact artifact) throws IOException {
        MessageDigest sum = Sha1.digest();
        artifact.getFiles().values().stream()
                .sorted(Comparator.comparing(Artifact.Item::getName))
                .map(file -> file.getName() + file.getSha1Hash().toLowerCase(Locale.ROOT))
                .forEach(text -> sum.update(text.getBytes(StandardCharsets.UTF_8)));
        String name =
                artifact.getName()
                        + "-"
                        + HexFormat.of().formatHex(sum.digest()).substring(0, SHORT_SUM);
        return getCacheDirectory()
                .resolve(artifact.getMetadata().getRepositoryUri().getPath())
                .resolve(artifact.getVersion())
                .resolve(name);
    }

    @Override
    protected URI resolvePath(Artifact.Item item, String path) throws IOException {
        return getResourceDirectory(item.getArtifact()).resolve(item.getName()).toUri();
    }

    /**
     * Brings all files of a version into the cache: checked, unpacked, and all or none.
     *
     * @throws IOException if a file is missing or is not what the metadata say; the message names
     *     it
     */
    @Override
    public void prepare(Artifact artifact, Progress progress) throws IOException {
        Path folder = getResourceDirectory(artifact);
        if (Files.exists(folder)) {
            return;
        }
        Files.createDirectories(folder.getParent());
        Path partial = Files.createDirectory(AtomicFile.partial(folder));
        try {
            new Download(location, artifact, progress).into(partial);
            Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (!Files.exists(folder)) { // or another process was faster
                throw e;
            }
        } finally {
            Utils.deleteQuietly(partial);
        }
    }
}

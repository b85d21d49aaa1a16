package io.github.djlspectral.zoo;

import ai.djl.repository.AbstractRepository;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Metadata;
import ai.djl.util.Progress;
import ai.djl.util.Utils;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;

/**
 * A repository in a folder or on a static web server, with DJL's cache. DJL's {@code
 * RemoteRepository} would keep metadata for a day, whatever their address, and so see neither new
 * versions nor a second repository; here they are read anew each time, but for DJL's offline mode.
 * It would cache files under the version alone; here the checksums tell another repository's, or a
 * replaced, version 1.0.0. It would take the first version in the file, not the newest; check no
 * sizes, and checksums only after unpacking; and trust names.
 */
final class StaticRepository extends AbstractRepository {

    private static final int BUFFER = 1 << 16;
    private static final int SHORT_SUM = 16;
    private static final int LARGEST_TEXT = 1 << 24;

    // Numbers of a trained model hardly compress; all of one value, they do by a factor of 1000.
    private static final long MOST_RATIO = 64;
    private static final long SMALL = 1L << 26;

    StaticRepository(String name, URI base) {
        super(name, base);
    }

    /**
     * Turns a path, or an address of the scheme file, http or https, into one with a last slash.
     */
    static URI base(String place) {
        String address = place;
        if (!place.matches("[A-Za-z][A-Za-z0-9+.-]+:.*")) {
            address = Path.of(place).toAbsolutePath().toUri().toString();
        }
        URI uri = URI.create(address.endsWith("/") ? address : address + "/");
        boolean legal = address.matches("(?i)(https?://.+|file:.+)") && uri.getQuery() == null;
        String example = "a folder or at an address such as https://example.org/models";
        BadInputException.unless(legal, "A model zoo is at %s, but must be in %s", place, example);
        return uri;
    }

    private boolean isHttp() {
        return !"file".equalsIgnoreCase(uri.getScheme());
    }

    /** Returns true: DJL shall read files from its cache only. */
    @Override
    public boolean isRemote() {
        return true;
    }

    @Override
    public List<MRL> getResources() {
        try {
            return Catalog.models(text(Catalog.INDEX), uri.resolve(Catalog.INDEX)).stream()
                    .map(model -> model.in(this))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read the model zoo: " + e.getMessage(), e);
        }
    }

    /** Reads the versions of a model, the newest first. */
    @Override
    public Metadata locate(MRL mrl) throws IOException {
        URI folder = mrl.toURI();
        String path = folder.getPath() + Catalog.METADATA;
        String model = mrl.getGroupId() + ":" + mrl.getArtifactId();
        Metadata metadata = Catalog.metadata(text(path), uri.resolve(path), model);
        List<Artifact> newestFirst = new ArrayList<>(metadata.getArtifacts());
        newestFirst.sort(new Artifact.VersionComparator().reversed());
        metadata.setArtifacts(newestFirst);
        metadata.setRepositoryUri(folder);
        return metadata;
    }

    @Override
    public Artifact resolve(MRL mrl, Map<String, String> filter) throws IOException {
        return mrl.match(filter);
    }

    /** Reads a small text; keeps a copy of one from a server, for DJL's offline mode. */
    private String text(String path) throws IOException {
        Path copy = getCacheDirectory().resolve("zoo-" + Utils.hash(uri.toString())).resolve(path);
        if (isHttp() && Utils.isOfflineMode()) {
            String problem = "DJL is in offline mode, and %s was not read before";
            require(Files.exists(copy), problem, uri.resolve(path));
            return Files.readString(copy);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        boolean small = fetch(path, bytes, LARGEST_TEXT, null) <= LARGEST_TEXT;
        String problem = "%s has more than %s bytes, which no list of models needs";
        require(small, problem, uri.resolve(path), LARGEST_TEXT);
        String text = bytes.toString(StandardCharsets.UTF_8);
        if (isHttp()) {
            AtomicFiles.write(copy, text);
        }
        return text;
    }

    /** Returns the folder in DJL's cache that has the unpacked files, once they are prepared. */
    @Override
    public Path getResourceDirectory(Artifact artifact) throws IOException {
        String files =
                artifact.getFiles().values().stream()
                        .map(file -> file.getName() + file.getSha1Hash().toLowerCase(Locale.ROOT))
                        .sorted()
                        .collect(Collectors.joining());
        return getCacheDirectory()
                .resolve(artifact.getMetadata().getRepositoryUri().getPath())
                .resolve(artifact.getVersion())
                .resolve(artifact.getName() + "-" + Utils.hash(files).substring(0, SHORT_SUM));
    }

    /** Brings all files of a version into the cache: checked, unpacked, and all or none. */
    @Override
    public void prepare(Artifact artifact, Progress progress) throws IOException {
        Path folder = getResourceDirectory(artifact);
        if (Files.exists(folder)) {
            return;
        }
        if (progress != null) {
            Collection<Artifact.Item> files = artifact.getFiles().values();
            progress.reset("Downloading", files.stream().mapToLong(Artifact.Item::getSize).sum());
        }
        try {
            AtomicFiles.createFolder(folder, partial -> download(artifact, partial, progress));
        } catch (UncheckedIOException e) {
            if (!Files.exists(folder)) { // or another process was faster
                throw e.getCause();
            }
        } finally {
            if (progress != null) {
                progress.end();
            }
        }
    }

    /** Gets all files, unpacked; what is not right is never unpacked. */
    private void download(Artifact artifact, Path folder, Progress progress) throws IOException {
        for (Artifact.Item file : artifact.getFiles().values()) {
            String path = artifact.getMetadata().getRepositoryUri().getPath() + file.getUri();
            boolean packed = path.endsWith(".gz");
            Path target = folder.resolve(file.getName());
            Path arrived = packed ? folder.resolve("." + file.getName()) : target;
            MessageDigest sum = Catalog.sha1();
            try (OutputStream out = new DigestOutputStream(Files.newOutputStream(arrived), sum)) {
                check(path, "size", fetch(path, out, file.getSize(), progress), file.getSize());
            }
            check(path, "SHA-1", Catalog.hex(sum), file.getSha1Hash().toLowerCase(Locale.ROOT));
            if (packed) {
                unpack(arrived, target, path, Math.max(SMALL, MOST_RATIO * file.getSize()));
                Files.delete(arrived);
            }
        }
    }

    private void check(String path, String what, Object is, Object expected) throws IOException {
        String problem = "%s is damaged: its %s is %s, but the metadata say %s";
        require(is.equals(expected), problem, uri.resolve(path), what, is, expected);
    }

    private static void require(boolean legal, String problem, Object... values)
            throws IOException {
        if (!legal) {
            throw new IOException(problem.formatted(values));
        }
    }

    private void unpack(Path packed, Path target, String path, long most) throws IOException {
        try (InputStream in = new GZIPInputStream(Files.newInputStream(packed), BUFFER);
                OutputStream out = Files.newOutputStream(target)) {
            boolean whole = copy(in, out, most, null) <= most;
            require(whole, "it unpacks to more than %s bytes, which no model does", most);
        } catch (IOException e) {
            throw new IOException("Cannot unpack " + uri.resolve(path) + " (" + e + ")", e);
        }
    }

    /** Copies a file, at most a buffer more than it may have; returns its size. */
    private long fetch(String path, OutputStream out, long most, Progress progress)
            throws IOException {
        InputStream in = open(path);
        try (in) {
            return copy(in, out, most, progress);
        } catch (IOException e) {
            throw new IOException(uri.resolve(path) + " did not arrive whole (" + e + ")", e);
        }
    }

    private static long copy(InputStream in, OutputStream out, long most, Progress progress)
            throws IOException {
        byte[] buffer = new byte[BUFFER];
        long size = 0;
        for (int read = in.read(buffer); read >= 0 && size <= most; read = in.read(buffer)) {
            out.write(buffer, 0, read);
            size += read;
            if (progress != null) {
                progress.increment(read);
            }
        }
        return size;
    }

    /** Opens a file of the repository; if there is none, with a FileNotFoundException. */
    private InputStream open(String path) throws IOException {
        URI file = uri.resolve(path);
        try {
            if (!isHttp()) {
                return Files.newInputStream(Path.of(file));
            }
            HttpResponse<InputStream> response = Http.get(file, "Cache-Control", "no-cache");
            if (response.statusCode() == HttpURLConnection.HTTP_OK) {
                return response.body();
            }
            response.body().close();
            if (response.statusCode() == HttpURLConnection.HTTP_NOT_FOUND) {
                throw new NoSuchFileException("The server has no " + file);
            }
            throw new IOException("the server answered " + response.statusCode());
        } catch (NoSuchFileException e) {
            String problem = isHttp() ? e.getMessage() : file + " does not exist";
            throw (IOException) new FileNotFoundException(problem).initCause(e);
        } catch (IOException e) {
            String advice =
                    isHttp() ? "address and network, or set DJL_OFFLINE=true" : "permissions";
            throw new IOException("Cannot read " + file + " (" + e + "): check " + advice, e);
        }
    }
}

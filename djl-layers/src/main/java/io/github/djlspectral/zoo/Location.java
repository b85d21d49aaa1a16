package io.github.djlspectral.zoo;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Where a repository is: a folder, or an address that a static web server answers.
 *
 * @param base an absolute address that ends in a slash; of the scheme file, http or https
 */
record Location(URI base) {

    /**
     * Reads a location.
     *
     * @param text a path, or an address of the scheme file, http or https
     * @throws IllegalArgumentException if it is neither
     */
    static Location of(String text) {
        if (!text.matches("[A-Za-z][A-Za-z0-9+.-]+:.*")) {
            return new Location(slash(Path.of(text).toAbsolutePath().toUri()));
        }
        URI uri = URI.create(text);
        if (!text.matches("(?i)(https?://.+|file:.+)") || uri.getQuery() != null) {
            throw new IllegalArgumentException(
                    "A model zoo is at "
                            + text
                            + ", but must be in a folder or at an address such as"
                            + " https://example.org/models");
        }
        return new Location(slash(uri));
    }

    private static URI slash(URI uri) {
        String text = uri.toString();
        return text.endsWith("/") ? uri : URI.create(text + "/");
    }

    /** Tells whether the repository may be unreachable at times. */
    boolean isRemote() {
        return !"file".equalsIgnoreCase(base.getScheme());
    }

    URI resolve(String path) {
        return base.resolve(path);
    }

    /**
     * Opens a file of the repository.
     *
     * @param path relative to the repository, checked before
     * @throws FileNotFoundException if there is no such file
     * @throws IOException if it cannot be read; the message names it
     */
    InputStream open(String path) throws IOException {
        URI uri = resolve(path);
        try {
            return isRemote() ? download(uri) : Files.newInputStream(Path.of(uri));
        } catch (NoSuchFileException e) {
            throw missing(uri + " does not exist", e);
        } catch (FileNotFoundException e) {
            throw e;
        } catch (IOException e) {
            String hint =
                    isRemote()
                            ? "check the address and the network, or set DJL_OFFLINE=true to use"
                                    + " what was fetched before"
                            : "check its permissions";
            throw new IOException("Cannot read " + uri + " (" + e + "): " + hint, e);
        }
    }

    private static InputStream download(URI uri) throws IOException {
        HttpResponse<InputStream> response = Http.get(uri, "Cache-Control", "no-cache");
        int status = response.statusCode();
        if (status == HttpURLConnection.HTTP_OK) {
            return response.body();
        }
        response.body().close();
        if (status == HttpURLConnection.HTTP_NOT_FOUND) {
            throw missing("The server has no " + uri, null);
        }
        throw new IOException("the server answered " + status);
    }

    private static FileNotFoundException missing(String message, Throwable cause) {
        FileNotFoundException missing = new FileNotFoundException(message);
        missing.initCause(cause);
        return missing;
    }

    @Override
    public String toString() {
        return base.toString();
    }
}

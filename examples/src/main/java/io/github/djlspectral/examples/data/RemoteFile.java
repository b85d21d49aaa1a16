package io.github.djlspectral.examples.data;

import java.net.URI;
import java.nio.file.Path;

/**
 * A file to download.
 *
 * @param uri where it is
 * @param path where to put it, relative to the folder of downloads
 * @param check what it must be
 */
record RemoteFile(URI uri, Path path, FileCheck check) {

    /** Whether a beginning and a later rest can be told from parts of two different files. */
    boolean isResumable() {
        return check != FileCheck.ANY;
    }
}

package io.github.djlspectral.zoo;

import java.util.List;

/**
 * What a publication writes, or would write.
 *
 * @param files the files that are new
 * @param metadata the path of the file that lists the versions, relative to the repository
 * @param entry what that file says about this version, as JSON
 */
public record Release(List<StoredFile> files, String metadata, String entry) {

    /**
     * A file in the repository.
     *
     * @param path relative to the repository
     * @param size in bytes
     * @param sha1 the checksum of these bytes
     */
    public record StoredFile(String path, long size, String sha1) {}

    /**
     * Copies the list.
     *
     * @param files the files that are new
     * @param metadata the path of the file that lists the versions
     * @param entry what that file says about this version
     */
    public Release {
        files = List.copyOf(files);
    }
}

package io.github.djlspectral.zoo;

import ai.djl.repository.Artifact;
import ai.djl.repository.Metadata;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads {@code metadata.json} and believes nothing: DJL takes names and addresses from it as they
 * are, and so would write a file named {@code ../../x} outside its cache. The format is DJL's,
 * restricted to what {@link Publisher} writes: each file has a checksum, a size and an address
 * inside the repository, and is not an archive.
 */
final class MetadataReader {

    /** The version of DJL's format that is read and written. */
    static final String FORMAT = "0.2";

    private static final Pattern SHA1 = Pattern.compile("[0-9a-fA-F]{40}");
    private static final Pattern ARCHIVE = Pattern.compile("(?i).*\\.(zip|mar|tar|tgz|tar\\.gz|z)");

    private final Object where;

    private MetadataReader(Object where) {
        this.where = where;
    }

    /**
     * Reads metadata.
     *
     * @param where the place that errors name
     * @param groupId the group that they must be of
     * @param artifactId the artifact that they must be of
     * @throws IOException if they are damaged, of another version, or name something that leads out
     *     of the repository or the cache
     */
    static Metadata parse(String json, Object where, String groupId, String artifactId)
            throws IOException {
        MetadataReader reader = new MetadataReader(where);
        Metadata metadata;
        try {
            reader.requireValues(JsonParser.parseString(json));
            metadata = JsonUtils.GSON.fromJson(json, Metadata.class);
        } catch (JsonParseException e) {
            throw new IOException(where + " is not the metadata of a model", e);
        }
        String format = metadata.getMetadataVersion();
        reader.require(
                FORMAT.equals(format),
                "has metadataVersion "
                        + format
                        + ", but this program reads "
                        + FORMAT
                        + ": use a newer one");
        reader.require(
                groupId.equals(metadata.getGroupId())
                        && artifactId.equals(metadata.getArtifactId()),
                "is of another model: " + metadata.getGroupId() + ":" + metadata.getArtifactId());
        List<Artifact> artifacts = metadata.getArtifacts();
        reader.require(artifacts != null, "lists no versions");
        for (Artifact artifact : artifacts) {
            reader.check(artifact);
        }
        return metadata;
    }

    private void check(Artifact artifact) throws IOException {
        String version = artifact.getVersion();
        require(Coordinates.isVersion(version), "has a malformed version: " + version);
        String name = artifact.getName();
        require(Coordinates.isName(name), "has a malformed artifact name: " + name);
        Collection<Artifact.Item> files = artifact.getFiles().values();
        require(!files.isEmpty(), "has no files for version " + version);
        Set<String> names = new HashSet<>();
        for (Artifact.Item file : files) {
            String uri = file.getUri();
            require(
                    uri != null
                            && List.of(uri.split("/", -1)).stream().allMatch(Coordinates::isName),
                    "has a file outside the repository or without address: " + uri);
            require(!ARCHIVE.matcher(uri).matches(), "has an archive, not a file: " + uri);
            String fileName = file.getName();
            require(Coordinates.isName(fileName), "has a malformed file name: " + fileName);
            require(names.add(fileName), "has two files of one name: " + fileName);
            String sha1 = file.getSha1Hash();
            require(
                    sha1 != null && SHA1.matcher(sha1).matches(),
                    "has no valid SHA-1 for " + uri + ": " + sha1);
            require(file.getSize() > 0, "has no valid size for " + uri + ": " + file.getSize());
        }
    }

    /** DJL's classes fail at a null without saying where. */
    private void requireValues(JsonElement element) throws IOException {
        require(!element.isJsonNull(), "has null in place of a value");
        if (element.isJsonArray()) {
            for (JsonElement value : element.getAsJsonArray()) {
                requireValues(value);
            }
        } else if (element.isJsonObject()) {
            for (Map.Entry<String, JsonElement> entry : element.getAsJsonObject().entrySet()) {
                requireValues(entry.getValue());
            }
        }
    }

    private void require(boolean legal, String problem) throws IOException {
        if (!legal) {
            throw new IOException(where + " " + problem);
        }
    }
}

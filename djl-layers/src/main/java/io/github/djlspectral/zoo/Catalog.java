package io.github.djlspectral.zoo;

import ai.djl.repository.Artifact;
import ai.djl.repository.License;
import ai.djl.repository.Metadata;
import ai.djl.repository.Version;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.github.djlspectral.zoo.Publisher.StoredFile;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Date;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The two files that say what is in a repository. {@code index.json} at its top lists the models: a
 * static web server lists no folders, and DJL asks a zoo for all its models before it chooses one.
 * {@code metadata.json} lists a model's versions, in DJL's format, restricted to what {@link
 * Publisher} writes: each file has a checksum, a size and an address inside the repository, and is
 * not an archive.
 *
 * <p>Nothing that is read is believed: DJL takes names and addresses as they are, and so would
 * write a file named {@code ../../x} outside its cache.
 */
final class Catalog {

    static final String INDEX = "index.json";
    static final String METADATA = "metadata.json";

    private static final String INDEX_FORMAT = "1";
    private static final String METADATA_FORMAT = "0.2";
    private static final String ARTIFACTS = "artifacts";
    private static final String ARCHIVE = "(?i).*\\.(zip|mar|tar|tgz|tar\\.gz|z)";

    private Catalog() {}

    /** The index: the version of its format, and the models, sorted. */
    private record Index(String indexVersion, List<Entry> artifacts) {}

    /** A model in the index: the path of the application, who published it, and its name. */
    record Entry(String application, String groupId, String artifactId) {

        private boolean isValid() {
            boolean names = Coordinates.isName(groupId) && Coordinates.isName(artifactId);
            return isPath(application) && names;
        }
    }

    private static boolean isPath(String text) {
        return text != null && List.of(text.split("/", -1)).stream().allMatch(Coordinates::isName);
    }

    /**
     * Reads an index.
     *
     * @param where the place that errors name
     * @throws IOException if it is damaged or of a later format
     */
    static List<Entry> models(String json, Object where) throws IOException {
        Index index = parse(json, where, Index.class, "the index of a model repository");
        requireFormat(index.indexVersion, INDEX_FORMAT, where, "indexVersion");
        require(index.artifacts != null, where, "lists no models");
        for (Entry entry : index.artifacts) {
            require(entry.isValid(), where, "names a model that cannot be: " + entry);
        }
        return index.artifacts;
    }

    /** Returns the text of an index that also has a model. */
    static String index(Collection<Entry> models, Coordinates model) {
        Entry entry = new Entry(model.application().getPath(), model.groupId(), model.artifactId());
        Set<Entry> all = new HashSet<>(models);
        all.add(entry);
        List<Entry> sorted = all.stream().sorted(Comparator.comparing(Entry::toString)).toList();
        return JsonUtils.GSON_PRETTY.toJson(new Index(INDEX_FORMAT, sorted)) + "\n";
    }

    /**
     * Reads the metadata of a model.
     *
     * @param where the place that errors name
     * @throws IOException if they are damaged, of another version or model, or name something that
     *     leads out of the repository or the cache
     */
    static Metadata metadata(String json, Object where, String groupId, String artifactId)
            throws IOException {
        Metadata metadata = parse(json, where, Metadata.class, "the metadata of a model");
        requireFormat(metadata.getMetadataVersion(), METADATA_FORMAT, where, "metadataVersion");
        String model = metadata.getGroupId() + ":" + metadata.getArtifactId();
        boolean same = model.equals(groupId + ":" + artifactId);
        require(same, where, "is of another model: " + model);
        require(metadata.getArtifacts() != null, where, "lists no versions");
        for (Artifact artifact : metadata.getArtifacts()) {
            String version = artifact.getVersion();
            require(Coordinates.isVersion(version), where, "has a malformed version: " + version);
            requireName(artifact.getName(), where, "artifact");
            Collection<Artifact.Item> files = artifact.getFiles().values();
            require(!files.isEmpty(), where, "has no files for version " + version);
            Set<String> names = new HashSet<>();
            for (Artifact.Item file : files) {
                check(file, where);
                String name = file.getName();
                require(names.add(name), where, "has two files of one name: " + name);
            }
        }
        return metadata;
    }

    private static void check(Artifact.Item file, Object where) throws IOException {
        String uri = file.getUri();
        String outside = "has a file outside the repository or without address: ";
        require(isPath(uri), where, outside + uri);
        require(!uri.matches(ARCHIVE), where, "has an archive, not a file: " + uri);
        requireName(file.getName(), where, "file");
        String sha1 = file.getSha1Hash();
        boolean sum = sha1 != null && sha1.matches("[0-9a-fA-F]{40}");
        require(sum, where, "has no valid SHA-1 for " + uri + ": " + sha1);
        long size = file.getSize();
        require(size > 0, where, "has no valid size for " + uri + ": " + size);
    }

    private static void requireName(String name, Object where, String of) throws IOException {
        require(Coordinates.isName(name), where, "has a malformed " + of + " name: " + name);
    }

    private static void requireFormat(String actual, String ours, Object where, String field)
            throws IOException {
        String problem = "has %s %s, but this program reads %s: use a newer one";
        require(ours.equals(actual), where, problem.formatted(field, actual, ours));
    }

    private static <T> T parse(String json, Object where, Class<T> type, String what)
            throws IOException {
        try {
            JsonElement tree = JsonParser.parseString(json);
            require(!hasNull(tree), where, "is not " + what + ": it has null in place of a value");
            return JsonUtils.GSON.fromJson(tree, type);
        } catch (JsonParseException e) {
            throw new IOException(where + " is not " + what, e);
        }
    }

    /** DJL's classes fail at a null without saying where. */
    private static boolean hasNull(JsonElement json) {
        if (json.isJsonArray()) {
            return json.getAsJsonArray().asList().stream().anyMatch(Catalog::hasNull);
        }
        return json.isJsonNull()
                || json.isJsonObject()
                        && json.getAsJsonObject().asMap().values().stream()
                                .anyMatch(Catalog::hasNull);
    }

    private static void require(boolean legal, Object where, String problem) throws IOException {
        if (!legal) {
            throw new IOException(where + " " + problem);
        }
    }

    /** Returns metadata without versions. */
    static JsonObject begin(Publication publication) {
        Coordinates model = publication.coordinates;
        Metadata metadata = new Metadata();
        metadata.setMetadataVersion(METADATA_FORMAT);
        metadata.setResourceType("model");
        metadata.setApplication(model.application());
        metadata.setGroupId(model.groupId());
        metadata.setArtifactId(model.artifactId());
        metadata.setName(publication.name);
        metadata.setDescription(publication.description);
        License licence = new License();
        licence.setId(publication.licence);
        licence.setName(publication.licence);
        if (Coordinates.isName(publication.licence)) {
            licence.setUrl("https://spdx.org/licenses/" + publication.licence + ".html");
        }
        metadata.addLicense(licence);
        return JsonUtils.GSON_PRETTY.toJsonTree(metadata).getAsJsonObject();
    }

    /** Returns what the metadata say about one version. */
    static JsonObject artifact(Publication publication, Map<String, StoredFile> files) {
        int directory = publication.coordinates.directory().length() + 1;
        Map<String, Artifact.Item> items = new LinkedHashMap<>();
        files.forEach(
                (name, file) -> {
                    Artifact.Item item = new Artifact.Item();
                    item.setUri(file.path().substring(directory));
                    item.setName(name);
                    item.setSha1Hash(file.sha1());
                    item.setSize(file.size());
                    items.put(name, item);
                });
        Artifact artifact = new Artifact();
        artifact.setVersion(publication.coordinates.version());
        artifact.setName(publication.coordinates.artifactId());
        artifact.setProperties(publication.card);
        artifact.setArguments(publication.arguments);
        artifact.setFiles(items);
        return JsonUtils.GSON_PRETTY.toJsonTree(artifact).getAsJsonObject();
    }

    /**
     * Adds or replaces a version, the newest first: plain DJL takes the first. What JSON says about
     * others stays as it is, to the letter.
     */
    static void add(JsonObject artifact, JsonObject metadata) {
        List<JsonElement> artifacts = new ArrayList<>();
        if (metadata.has(ARTIFACTS)) {
            artifacts.addAll(metadata.getAsJsonArray(ARTIFACTS).asList());
        }
        artifacts.removeIf(other -> version(other).equals(version(artifact)));
        artifacts.add(artifact);
        artifacts.sort(Comparator.comparing(Catalog::version).reversed());
        JsonArray sorted = new JsonArray();
        artifacts.forEach(sorted::add);
        metadata.add(ARTIFACTS, sorted);
        metadata.add("lastUpdated", JsonUtils.GSON_PRETTY.toJsonTree(new Date()));
    }

    static String text(JsonObject json) {
        return JsonUtils.GSON_PRETTY.toJson(json) + "\n";
    }

    private static Version version(JsonElement artifact) {
        return new Version(artifact.getAsJsonObject().get("version").getAsString());
    }

    /** The checksum of DJL's metadata. It tells damage; against malice there is https. */
    static MessageDigest sha1() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-1", e);
        }
    }

    static String hex(MessageDigest sum) {
        return HexFormat.of().formatHex(sum.digest());
    }
}

package io.github.djlspectral.zoo;

import ai.djl.Application;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Metadata;
import ai.djl.repository.Repository;
import ai.djl.repository.Version;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.Date;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
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
    static final String METADATA_FORMAT = "0.2";
    static final String NO_MODELS = "{\"indexVersion\": \"1\", \"artifacts\": []}\n";

    private static final int LONGEST = 1000;
    private static final String INDEX_FORMAT = "1";
    private static final String PATH = Coordinates.NAME + "(/" + Coordinates.NAME + ")*";
    private static final String NO_ARCHIVE = "(?i)(?!.*\\.(zip|mar|tar|tgz|tar\\.gz|z)$).*";

    private Catalog() {}

    /** The index: the version of its format, and the models, sorted. */
    private record Index(String indexVersion, List<Entry> artifacts) {}

    /** A model in the index: the path of the application, who published it, and its name. */
    record Entry(String application, String groupId, String artifactId) {

        MRL in(Repository repository) {
            return repository.model(Application.of(application), groupId, artifactId);
        }
    }

    /** Reads an index; errors name the place where it is. */
    static List<Entry> models(String json, Object where) throws IOException {
        Index index = parse(json, where, Index.class, "the index of a model repository");
        requireFormat(index.indexVersion, INDEX_FORMAT, where, "indexVersion");
        require(index.artifacts != null, where, "lists no models");
        for (Entry entry : index.artifacts) {
            String problem = entry + ", a model that cannot be, because of ";
            requireMatch(PATH, entry.application, where, problem);
            requireMatch(Coordinates.NAME, entry.groupId, where, problem);
            requireMatch(Coordinates.NAME, entry.artifactId, where, problem);
        }
        return index.artifacts;
    }

    /** Returns the text of an index that also has a model. */
    static String index(String json, Object where, Coordinates model) throws IOException {
        Set<Entry> all = new HashSet<>(models(json, where));
        all.add(new Entry(model.application().getPath(), model.groupId(), model.artifactId()));
        List<Entry> sorted = all.stream().sorted(Comparator.comparing(Entry::toString)).toList();
        return JsonUtils.GSON_PRETTY.toJson(new Index(INDEX_FORMAT, sorted)) + "\n";
    }

    /** Reads the metadata of a model, group:artifact; errors name the place where they are. */
    static Metadata metadata(String json, Object where, String model) throws IOException {
        Metadata metadata = parse(json, where, Metadata.class, "the metadata of a model");
        requireFormat(metadata.getMetadataVersion(), METADATA_FORMAT, where, "metadataVersion");
        String actual = metadata.getGroupId() + ":" + metadata.getArtifactId();
        require(actual.equals(model), where, "is of another model: " + actual);
        require(metadata.getArtifacts() != null, where, "lists no versions");
        for (Artifact artifact : metadata.getArtifacts()) {
            String version = artifact.getVersion();
            requireMatch(Coordinates.VERSION, version, where, "a malformed version: ");
            requireMatch(
                    Coordinates.NAME, artifact.getName(), where, "a malformed artifact name: ");
            require(!artifact.getFiles().isEmpty(), where, "has no files for version " + version);
            Set<String> names = new HashSet<>();
            for (Artifact.Item file : artifact.getFiles().values()) {
                String uri = file.getUri();
                requireMatch(PATH, uri, where, "a file outside the repository or no address: ");
                requireMatch(NO_ARCHIVE, uri, where, "an archive, not a file: ");
                String sha1 = file.getSha1Hash();
                requireMatch("[0-9a-fA-F]{40}", sha1, where, "no valid SHA-1 for " + uri + ": ");
                require(file.getSize() > 0, where, "has no valid size for " + uri);
                String name = file.getName();
                requireMatch(Coordinates.NAME, name, where, "a malformed file name: ");
                require(names.add(name), where, "has two files of one name: " + name);
            }
        }
        return metadata;
    }

    private static void requireMatch(String pattern, String value, Object where, String problem)
            throws IOException {
        boolean legal = value != null && value.length() < LONGEST && value.matches(pattern);
        require(legal, where, "has " + problem + value);
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
        return json.isJsonNull()
                || json instanceof JsonArray list
                        && list.asList().stream().anyMatch(Catalog::hasNull)
                || json instanceof JsonObject object
                        && object.asMap().values().stream().anyMatch(Catalog::hasNull);
    }

    private static void require(boolean legal, Object where, String problem) throws IOException {
        if (!legal) {
            throw new IOException(where + " " + problem);
        }
    }

    /**
     * Adds or replaces a version, the newest first: plain DJL takes the first. What JSON says about
     * others stays as it is, to the letter.
     */
    static void add(JsonObject artifact, JsonObject metadata) {
        List<JsonElement> artifacts = metadata.getAsJsonArray("artifacts").asList();
        artifacts.removeIf(other -> version(other).equals(version(artifact)));
        artifacts.add(artifact);
        artifacts.sort(Comparator.comparing(Catalog::version).reversed());
        metadata.add("lastUpdated", JsonUtils.GSON_PRETTY.toJsonTree(new Date()));
    }

    static JsonObject tree(Object value) {
        return JsonUtils.GSON_PRETTY.toJsonTree(value).getAsJsonObject();
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

package io.github.djlspectral.zoo;

import ai.djl.repository.Artifact;
import ai.djl.repository.License;
import ai.djl.repository.Metadata;
import ai.djl.repository.Version;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The file {@code metadata.json} of a model that is being published, with all its versions. It is
 * kept as JSON, so that what it says about earlier versions stays as it is, to the letter.
 */
final class Catalog {

    static final String FILE = "metadata.json";

    private static final String ARTIFACTS = "artifacts";
    private static final String LICENCES = "https://spdx.org/licenses/";

    private final JsonObject json;

    private Catalog(JsonObject json) {
        this.json = json;
    }

    /**
     * Reads the metadata that a publication will extend.
     *
     * @param folder the artifact's folder; without metadata, new ones are begun
     * @throws BadInputException if the version exists and is not to be replaced
     * @throws IOException if the metadata are damaged
     */
    static Catalog read(Path folder, Publication publication) throws IOException {
        Path file = folder.resolve(FILE);
        Coordinates model = publication.coordinates();
        if (!Files.exists(file)) {
            return new Catalog(begin(publication));
        }
        String text = Files.readString(file);
        Metadata metadata = MetadataReader.parse(text, file, model.groupId(), model.artifactId());
        boolean exists =
                metadata.getArtifacts().stream()
                        .anyMatch(artifact -> artifact.getVersion().equals(model.version()));
        if (exists && !publication.isReplacing()) {
            throw new BadInputException(
                    file
                            + " has version "
                            + model.version()
                            + " already: publish another version, or --force this one");
        }
        return new Catalog(JsonParser.parseString(text).getAsJsonObject());
    }

    private static JsonObject begin(Publication publication) {
        Coordinates model = publication.coordinates();
        Metadata metadata = new Metadata();
        metadata.setMetadataVersion(MetadataReader.FORMAT);
        metadata.setResourceType("model");
        metadata.setApplication(model.application());
        metadata.setGroupId(model.groupId());
        metadata.setArtifactId(model.artifactId());
        metadata.setName(publication.name());
        metadata.setDescription(publication.description());
        License licence = new License();
        licence.setId(publication.licence());
        licence.setName(publication.licence());
        if (Coordinates.isName(publication.licence())) {
            licence.setUrl(LICENCES + publication.licence() + ".html");
        }
        metadata.addLicense(licence);
        return JsonUtils.GSON_PRETTY.toJsonTree(metadata).getAsJsonObject();
    }

    /** Returns what the metadata say about one version. */
    static JsonObject artifact(Publication publication, List<Content.Packed> files) {
        String version = publication.coordinates().version();
        Map<String, Artifact.Item> items = new LinkedHashMap<>();
        for (Content.Packed file : files) {
            Artifact.Item item = new Artifact.Item();
            item.setUri(version + "/" + file.storedName());
            item.setName(file.name());
            item.setSha1Hash(file.sha1());
            item.setSize(file.size());
            items.put(file.name(), item);
        }
        Artifact artifact = new Artifact();
        artifact.setVersion(version);
        artifact.setName(publication.coordinates().artifactId());
        artifact.setProperties(publication.card());
        artifact.setArguments(publication.arguments());
        artifact.setFiles(items);
        return JsonUtils.GSON_PRETTY.toJsonTree(artifact).getAsJsonObject();
    }

    /** Returns the text with a version more, the newest first: plain DJL takes the first. */
    String with(JsonObject artifact) {
        List<JsonElement> artifacts = new ArrayList<>();
        if (json.has(ARTIFACTS)) {
            json.getAsJsonArray(ARTIFACTS).forEach(artifacts::add);
        }
        artifacts.removeIf(other -> version(other).equals(version(artifact)));
        artifacts.add(artifact);
        artifacts.sort(Comparator.comparing(Catalog::version).reversed());
        JsonArray sorted = new JsonArray();
        artifacts.forEach(sorted::add);
        json.add(ARTIFACTS, sorted);
        json.add("lastUpdated", JsonUtils.GSON_PRETTY.toJsonTree(new Date()));
        return text(json);
    }

    static String text(JsonObject json) {
        return JsonUtils.GSON_PRETTY.toJson(json) + "\n";
    }

    private static Version version(JsonElement artifact) {
        return new Version(artifact.getAsJsonObject().get("version").getAsString());
    }
}

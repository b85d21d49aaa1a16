package io.github.djlspectral.zoo;

import ai.djl.Application;
import ai.djl.repository.MRL;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The file {@code index.json} at the top of a repository, which says what is in it: a static web
 * server lists no folders, and DJL asks a zoo for all its models before it chooses one.
 *
 * @param indexVersion the version of this format
 * @param artifacts the models, sorted
 */
record Index(String indexVersion, List<Entry> artifacts) {

    static final String FILE = "index.json";

    private static final String FORMAT = "1";

    /**
     * A model; the versions are in its own metadata.
     *
     * @param application the path of the application
     * @param groupId who published it
     * @param artifactId its name
     */
    record Entry(String application, String groupId, String artifactId) {

        /** Returns the model's place for DJL. */
        MRL mrl(StaticRepository repository) {
            return repository.model(Application.of(application), groupId, artifactId);
        }

        private boolean isValid() {
            return application != null
                    && List.of(application.split("/", -1)).stream().allMatch(Coordinates::isName)
                    && Coordinates.isName(groupId)
                    && Coordinates.isName(artifactId);
        }
    }

    /** Reads the index of a folder; empty if there is none. */
    static Index read(Path root) throws IOException {
        Path file = root.resolve(FILE);
        return Files.exists(file)
                ? parse(Files.readString(file), file)
                : new Index(FORMAT, List.of());
    }

    /**
     * Reads an index.
     *
     * @param where the place that errors name
     * @throws IOException if it is damaged or of a later format
     */
    static Index parse(String json, Object where) throws IOException {
        Index index;
        try {
            index = JsonUtils.GSON.fromJson(json, Index.class);
        } catch (JsonParseException e) {
            throw new IOException(where + " is not the index of a model repository", e);
        }
        if (index == null || index.indexVersion == null || index.artifacts == null) {
            throw new IOException(where + " is not the index of a model repository");
        }
        if (!index.indexVersion.equals(FORMAT)) {
            throw new IOException(
                    where
                            + " has indexVersion "
                            + index.indexVersion
                            + ", but this program reads "
                            + FORMAT
                            + ": use a newer one");
        }
        for (Entry entry : index.artifacts) {
            if (entry == null || !entry.isValid()) {
                throw new IOException(where + " names a model that cannot be: " + entry);
            }
        }
        return index;
    }

    /** Returns the text of an index that also has the published model. */
    String with(Publication publication) {
        Coordinates model = publication.coordinates();
        Entry entry = new Entry(model.application().getPath(), model.groupId(), model.artifactId());
        List<Entry> all = new ArrayList<>(artifacts);
        if (!all.contains(entry)) {
            all.add(entry);
        }
        all.sort(Comparator.comparing(Entry::toString));
        return JsonUtils.GSON_PRETTY.toJson(new Index(FORMAT, all)) + "\n";
    }
}

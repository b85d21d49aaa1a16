package io.github.djlspectral.zoo;

import ai.djl.Application;
import io.github.djlspectral.text.BadInputException;

/**
 * Where a model is in a repository. None of the parts can lead out of it.
 *
 * @param application what the model is for
 * @param groupId who publishes: letters, digits, {@code _} and {@code -} between dots
 * @param artifactId which model: letters, digits, {@code _}, {@code -} and {@code .}
 * @param version three numbers below 10^9, such as 1.0.2
 */
public record Coordinates(
        Application application, String groupId, String artifactId, String version) {

    static final String NAME = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"; // harmless in a path
    static final String VERSION = "(0|[1-9]\\d{0,8})(\\.(0|[1-9]\\d{0,8})){2}";

    private static final String PART = "[A-Za-z0-9][A-Za-z0-9_-]*";
    private static final String GROUP = PART + "(\\." + PART + ")*";

    /**
     * Checks the parts.
     *
     * @param application what the model is for
     * @param groupId who publishes
     * @param artifactId which model
     * @param version three numbers
     * @throws BadInputException if a part is malformed
     */
    public Coordinates {
        BadInputException.unless(
                application != null && Application.of(application.getPath()).equals(application),
                "The application is %s, but must be one that DJL finds by its path, such as"
                        + " NLP.TEXT_GENERATION or UNDEFINED",
                application);
        require(GROUP, "group", groupId, "names between dots, such as io.github.djlspectral");
        require(NAME, "artifact", artifactId, "a name such as gpt2, of letters, digits, . _ and -");
        require(VERSION, "version", version, "three numbers, such as 0.1.0");
    }

    /** Returns the artifact's folder, relative to the repository, as DJL lays it out. */
    String directory() {
        String group = groupId.replace('.', '/');
        return "model/" + application.getPath() + "/" + group + "/" + artifactId;
    }

    private static void require(String pattern, String part, String value, String legal) {
        boolean matches = value != null && value.matches(pattern);
        BadInputException.unless(matches, "The %s is '%s', but must be %s", part, value, legal);
    }
}

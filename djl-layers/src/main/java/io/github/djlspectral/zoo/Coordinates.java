package io.github.djlspectral.zoo;

import ai.djl.Application;
import io.github.djlspectral.text.BadInputException;
import java.util.regex.Pattern;

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

    private static final Pattern GROUP =
            Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]*(\\.[A-Za-z0-9][A-Za-z0-9_-]*)*");
    private static final Pattern NAME =
            Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?");
    private static final Pattern VERSION =
            Pattern.compile("(0|[1-9]\\d{0,8})(\\.(0|[1-9]\\d{0,8})){2}");

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

    /** Tells whether a text is a single harmless component of a path. */
    static boolean isName(String text) {
        return text != null && NAME.matcher(text).matches();
    }

    static boolean isVersion(String text) {
        return text != null && VERSION.matcher(text).matches();
    }

    /** Returns the artifact's folder, relative to the repository, as DJL lays it out. */
    String directory() {
        String group = groupId.replace('.', '/');
        return "model/" + application.getPath() + "/" + group + "/" + artifactId;
    }

    private static void require(Pattern pattern, String part, String value, String legal) {
        boolean matches = value != null && pattern.matcher(value).matches();
        BadInputException.unless(matches, "The %s is '%s', but must be %s", part, value, legal);
    }
}

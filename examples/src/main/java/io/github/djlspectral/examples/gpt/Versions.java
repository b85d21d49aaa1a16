package io.github.djlspectral.examples.gpt;

import ai.djl.engine.Engine;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/** What a result was made with. */
public final class Versions {

    private Versions() {}

    /**
     * Returns the versions of this program's parts by name: {@code djl-spectral}, {@code djl},
     * {@code pytorch}, {@code java}, {@code os}, and {@code commit} if built from a checkout.
     */
    public static Map<String, String> of(Engine engine) {
        Map<String, String> versions = new TreeMap<>();
        versions.put("djl-spectral", own());
        versions.put("djl", Engine.getDjlVersion());
        versions.put("pytorch", engine.getVersion());
        versions.put("java", Runtime.version().toString());
        versions.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        String commit = commit();
        if (commit != null) {
            versions.put("commit", commit);
        }
        return versions;
    }

    /** Returns the version of this program's jar; "development" outside of one. */
    public static String own() {
        String own = Versions.class.getPackage().getImplementationVersion();
        return own == null ? "development" : own;
    }

    /** Returns the commit that this program was built from; null if not from a checkout. */
    private static String commit() {
        Properties git = new Properties();
        try (InputStream in = Versions.class.getResourceAsStream("git.properties")) {
            if (in == null) {
                return null;
            }
            git.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read git.properties", e);
        }
        String id = git.getProperty("git.commit.id.full");
        boolean changed = Boolean.parseBoolean(git.getProperty("git.dirty"));
        return id != null && changed ? id + ", with changes" : id;
    }
}

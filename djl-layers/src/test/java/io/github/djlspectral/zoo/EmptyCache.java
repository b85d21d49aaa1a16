package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.engine.Engine;
import java.nio.file.Path;

/** Gives DJL another cache for as long as it is open. */
public final class EmptyCache implements AutoCloseable {

    public static final String NAME = "DJL_CACHE_DIR";

    private EmptyCache() {}

    public static EmptyCache in(Path folder) {
        assumeThat(System.getenv(NAME)).as("it would win over the property").isNull();
        Engine.getEngine("PyTorch").getVersion(); // loaded from the usual cache, before it changes
        System.setProperty(NAME, folder.toString());
        return new EmptyCache();
    }

    @Override
    public void close() {
        System.clearProperty(NAME);
    }
}

package io.github.djlspectral.zoo;

import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooProvider;

/** Makes DJL find {@link SpectralZoo} at the configured place. */
public final class SpectralZooProvider implements ZooProvider {

    /** Creates the provider; DJL does it. */
    public SpectralZooProvider() {}

    @Override
    public ModelZoo getModelZoo() {
        return SpectralZoo.configured();
    }
}

package io.github.djlspectral.zoo;

import ai.djl.repository.zoo.ModelLoader;
import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooProvider;
import ai.djl.util.Utils;
import java.net.URI;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.slf4j.LoggerFactory;

/**
 * A model zoo in a repository that {@link Publisher} writes. The one that DJL finds by itself is at
 * the place that the system property {@value #PROPERTY} or the environment variable {@value
 * #VARIABLE} names, a folder or an http address, and has the models of the group {@value #GROUP}.
 * Any other is made with {@link #at} and given to {@code Criteria.Builder.optModelZoo}.
 *
 * <p>Without a filter the newest version is loaded; {@code optFilter("version", "0.1.0")} names
 * one, and any other entry of the training card selects likewise. Each search reads the repository
 * anew; files are fetched once, checked, and kept in DJL's cache.
 */
public final class SpectralZoo extends ModelZoo {

    /** The group that this project's models are published in. */
    public static final String GROUP = "io.github.djlspectral";

    /** The system property that says where the zoo is; it wins over the variable. */
    public static final String PROPERTY = "djlspectral.zoo";

    /** The environment variable that says where the zoo is. */
    public static final String VARIABLE = "DJL_SPECTRAL_ZOO";

    static final String ENGINE = "PyTorch";

    private final String group;
    private final URI base; // null for the configured place, looked up at each search

    private SpectralZoo(String group, URI base) {
        this.group = group;
        this.base = base;
    }

    /** Makes DJL find the zoo at the configured place. */
    public static final class Provider implements ZooProvider {

        /** Creates the provider; DJL does it. */
        public Provider() {}

        @Override
        public ModelZoo getModelZoo() {
            return new SpectralZoo(GROUP, null);
        }
    }

    /**
     * {@return this project's models in a repository, of which nothing is read yet}
     *
     * @param location a folder, or an address of the scheme file, http or https; others are refused
     */
    public static SpectralZoo at(String location) {
        return at(location, GROUP);
    }

    /**
     * {@return a group's models in a repository, of which nothing is read yet}
     *
     * @param location a folder, or an address of the scheme file, http or https
     * @param group the group that the models were published in
     */
    public static SpectralZoo at(String location, String group) {
        return new SpectralZoo(group, StaticRepository.base(location));
    }

    @Override
    public String getGroupId() {
        return group;
    }

    @Override
    public Set<String> getSupportedEngines() {
        return Set.of(ENGINE);
    }

    @Override
    public Collection<ModelLoader> getModelLoaders() {
        String place = System.getProperty(PROPERTY, Utils.getenv(VARIABLE));
        if (base == null && place == null) {
            String message = "The model zoo {} is empty: say where it is with -D{}=.. or {}=..";
            LoggerFactory.getLogger(SpectralZoo.class).info(message, group, PROPERTY, VARIABLE);
            return List.of();
        }
        URI from = base == null ? StaticRepository.base(place) : base;
        return new StaticRepository(group, from)
                .getResources().stream()
                        .filter(mrl -> mrl.getGroupId().equals(group))
                        .<ModelLoader>map(ArtifactLoader::new)
                        .toList();
    }

    @Override
    public ModelLoader getModelLoader(String name) {
        return getModelLoaders().stream()
                .filter(loader -> loader.getArtifactId().equals(name))
                .findFirst()
                .orElse(null);
    }
}

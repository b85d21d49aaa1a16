package io.github.djlspectral.zoo;

import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import ai.djl.translate.TranslatorFactory;
import io.github.djlspectral.text.BadInputException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * What is published: a block, what builds it again, the files that its translator reads, and a card
 * that says where it comes from. Nothing here is special to one kind of model.
 *
 * <pre>{@code
 * Publication.builder()
 *         .setCoordinates(new Coordinates(Application.UNDEFINED, "org.example", "flow", "1.0.0"))
 *         .setBlock(block)                                       // initialised
 *         .setBlockFactory(FlowFactory.class, Map.of("heads", 2, "steps", 8))
 *         .optCard(Map.of("data", "MNIST", "steps", "600"))
 *         .build();
 * }</pre>
 */
public final class Publication {

    private final Coordinates coordinates;
    private final String name;
    private final String description;
    private final String licence;
    private final Block block;
    private final Map<String, Object> arguments;
    private final Map<String, String> card;
    private final List<Content> files;
    private final boolean replacing;

    private Publication(Builder builder) {
        coordinates = builder.coordinates;
        name = builder.name == null ? coordinates.artifactId() : builder.name;
        description = builder.description;
        licence = builder.licence;
        block = builder.block;
        replacing = builder.replacing;
        arguments = Collections.unmodifiableMap(new TreeMap<>(builder.arguments));
        card = new TreeMap<>(builder.card);
        card.put("version", coordinates.version());
        card.put("licence", licence);
        files = List.copyOf(builder.files.values());
    }

    /**
     * Creates a builder.
     *
     * @return a builder that lacks coordinates, block and block factory
     */
    public static Builder builder() {
        return new Builder();
    }

    Coordinates coordinates() {
        return coordinates;
    }

    String name() {
        return name;
    }

    String description() {
        return description;
    }

    String licence() {
        return licence;
    }

    Map<String, Object> arguments() {
        return arguments;
    }

    /** Returns the card as DJL's properties, which a search can filter by. */
    Map<String, String> card() {
        return card;
    }

    List<Content> files() {
        return files;
    }

    boolean isReplacing() {
        return replacing;
    }

    /** Builds a {@link Publication}. */
    public static final class Builder {

        private static final String NOT_STATED = "not stated";

        private Coordinates coordinates;
        private String name;
        private String description = "";
        private String licence = NOT_STATED;
        private Block block;
        private boolean replacing;
        private final Map<String, Object> arguments = new TreeMap<>();
        private final Map<String, String> card = new TreeMap<>();
        private final Map<String, Content> files = new LinkedHashMap<>();

        private Builder() {}

        /**
         * Sets where the model goes (required).
         *
         * @param coordinates the place in the repository
         * @return this builder
         */
        public Builder setCoordinates(Coordinates coordinates) {
            this.coordinates = coordinates;
            return this;
        }

        /**
         * Sets the trained block (required).
         *
         * @param block an initialised block; it is read, not changed
         * @return this builder
         */
        public Builder setBlock(Block block) {
            this.block = block;
            return this;
        }

        /**
         * Sets what builds the block again, without its parameters (required).
         *
         * @param factory a public class with a public constructor without parameters
         * @param arguments what the factory gets; numbers reach it as {@code Double}
         * @return this builder
         */
        public Builder setBlockFactory(
                Class<? extends BlockFactory> factory, Map<String, ?> arguments) {
            this.arguments.putAll(arguments);
            this.arguments.put(ArtifactLoader.BLOCK_FACTORY, factory.getName());
            return this;
        }

        /**
         * Sets what makes the translators; without it the model takes and returns arrays.
         *
         * @param factory a public class with a public constructor without parameters
         * @return this builder
         */
        public Builder optTranslatorFactory(Class<? extends TranslatorFactory> factory) {
            arguments.put(ArtifactLoader.TRANSLATOR_FACTORY, factory.getName());
            return this;
        }

        /**
         * Adds a file that the factories find beside the parameters.
         *
         * @param name the file's name, without folders
         * @param bytes its content
         * @return this builder
         * @throws BadInputException if the name has other characters than letters, digits, {@code
         *     .}, {@code _} and {@code -}
         */
        public Builder optFile(String name, byte[] bytes) {
            if (!Coordinates.isName(name)) {
                throw new BadInputException(
                        "A file is named '" + name + "', but must be named without folders");
            }
            byte[] copy = bytes.clone();
            return optContent(new Content(name, out -> out.write(copy)));
        }

        Builder optContent(Content content) {
            files.put(content.name(), content);
            return this;
        }

        /**
         * Adds to the training card.
         *
         * @param entries names and values for people and for filters
         * @return this builder
         */
        public Builder optCard(Map<String, String> entries) {
            card.putAll(entries);
            return this;
        }

        /**
         * Sets the name for people. Default: the artifact id.
         *
         * @param name one line
         * @return this builder
         */
        public Builder optName(String name) {
            this.name = name;
            return this;
        }

        /**
         * Sets a description. Default: empty.
         *
         * @param description a sentence or two
         * @return this builder
         */
        public Builder optDescription(String description) {
            this.description = Objects.requireNonNull(description, "description");
            return this;
        }

        /**
         * Sets the licence of the parameters. Default: {@code not stated}.
         *
         * @param licence an SPDX identifier, such as Apache-2.0
         * @return this builder
         */
        public Builder optLicence(String licence) {
            this.licence = Objects.requireNonNull(licence, "licence");
            return this;
        }

        /**
         * Sets whether a version that exists is replaced. Default: false. The files of the replaced
         * version stay, because somebody may be reading them.
         *
         * @param replacing whether to replace
         * @return this builder
         */
        public Builder optReplacing(boolean replacing) {
            this.replacing = replacing;
            return this;
        }

        /**
         * Builds the publication.
         *
         * @return the publication
         * @throws IllegalArgumentException if something required is missing, the block is not
         *     initialised, or a file has the name of the parameters'
         */
        public Publication build() {
            if (coordinates == null || block == null) {
                throw new IllegalArgumentException(
                        "A publication needs coordinates and a block: setCoordinates(..),"
                                + " setBlock(..)");
            }
            if (!arguments.containsKey(ArtifactLoader.BLOCK_FACTORY)) {
                throw new IllegalArgumentException(
                        "A publication needs what builds its block: setBlockFactory(..)");
            }
            if (!block.isInitialized()) {
                throw new IllegalArgumentException(
                        "The block has no parameters yet: initialize and train it first");
            }
            Content parameters = Content.ofParameters(coordinates.artifactId(), block);
            if (files.containsKey(parameters.name())) {
                throw new IllegalArgumentException(
                        "A file is named "
                                + parameters.name()
                                + ", which is where the parameters go: name it otherwise");
            }
            files.put(parameters.name(), parameters);
            return new Publication(this);
        }
    }
}

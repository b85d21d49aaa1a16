package io.github.djlspectral.zoo;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import ai.djl.nn.Parameter;
import ai.djl.repository.Artifact;
import ai.djl.repository.License;
import ai.djl.repository.Metadata;
import ai.djl.translate.TranslatorFactory;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import io.github.djlspectral.text.BadInputException;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
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
 * Publication.builder().setCoordinates(..).setBlock(trained).optCard(Map.of("data", "MNIST"))
 *         .setBlockFactory(FlowFactory.class, Map.of("heads", 2, "steps", 8)).build();
 * }</pre>
 */
public final class Publication {

    final Coordinates coordinates;
    final Metadata metadata = new Metadata(); // without versions
    final Artifact artifact = new Artifact(); // without files
    final Map<String, Content> files;
    final boolean replacing;

    /** Writes a file's content, any number of times alike. */
    @FunctionalInterface
    interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    private Publication(Builder builder, String parameters) {
        coordinates = builder.coordinates;
        replacing = builder.replacing;
        Block block = builder.block;
        files = new LinkedHashMap<>(builder.files);
        files.put(parameters, out -> writeParameters(coordinates.artifactId(), block, out));
        metadata.setMetadataVersion(Catalog.METADATA_FORMAT);
        metadata.setResourceType("model");
        metadata.setApplication(coordinates.application());
        metadata.setGroupId(coordinates.groupId());
        metadata.setArtifactId(coordinates.artifactId());
        metadata.setName(builder.name == null ? coordinates.artifactId() : builder.name);
        metadata.setDescription(builder.description);
        metadata.setArtifacts(List.of());
        License licence = new License();
        licence.setId(builder.licence);
        licence.setName(builder.licence);
        if (builder.licence.matches(Coordinates.NAME)) {
            licence.setUrl("https://spdx.org/licenses/" + builder.licence + ".html");
        }
        metadata.addLicense(licence);
        Map<String, String> card = new TreeMap<>(builder.card);
        card.put("version", coordinates.version());
        card.put("licence", builder.licence);
        artifact.setVersion(coordinates.version());
        artifact.setName(coordinates.artifactId());
        artifact.setProperties(card); // which a search can filter by
        artifact.setArguments(new TreeMap<>(builder.arguments));
    }

    /** {@return a builder that lacks coordinates, block and block factory} */
    public static Builder builder() {
        return new Builder();
    }

    /** Builds a {@link Publication}. */
    public static final class Builder {

        private Coordinates coordinates;
        private String name;
        private String description = "";
        private String licence = "not stated";
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
            byte[] copy = bytes.clone();
            return optFile(name, out -> out.write(copy));
        }

        Builder optFile(String name, Content content) {
            boolean legal = name != null && name.matches(Coordinates.NAME);
            unless(legal, "A file is named '%s', but must be named without folders", name);
            files.put(name, content);
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
            String needs = "A publication needs coordinates, a block and its factory: set%s(..)";
            unless(coordinates != null, needs, "Coordinates");
            unless(block != null, needs, "Block");
            unless(arguments.containsKey(ArtifactLoader.BLOCK_FACTORY), needs, "BlockFactory");
            unless(block.isInitialized(), "The block has no parameters yet: train it first");
            String parameters = coordinates.artifactId() + "-0000.params";
            String clash =
                    "A file is named %s, which is where the parameters go: name it otherwise";
            unless(!files.containsKey(parameters), clash, parameters);
            return new Publication(this, parameters);
        }
    }

    /** Writes the format of {@link ai.djl.Model#save}, which writes only to a folder, unpacked. */
    private static void writeParameters(String model, Block block, OutputStream out)
            throws IOException {
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(out, 1 << 16));
        data.writeBytes("DJL@");
        data.writeInt(1); // the format's version
        data.writeUTF(model);
        List<Parameter> parameters = block.getParameters().values();
        boolean any = !parameters.isEmpty();
        DataType type = any ? parameters.get(0).getArray().getDataType() : DataType.FLOAT32;
        data.writeUTF(type.name());
        PairList<String, Shape> inputs = block.describeInput();
        data.writeInt(inputs.size());
        for (Pair<String, Shape> input : inputs) {
            data.writeUTF(Objects.requireNonNullElse(input.getKey(), ""));
            data.write(input.getValue().getEncoded());
        }
        data.writeInt(0); // properties: they are in the metadata
        try (NDScope copies = new NDScope()) { // of what is on a GPU
            copies.suppressNotUsedWarning();
            block.saveParameters(data);
        }
        data.flush();
    }
}

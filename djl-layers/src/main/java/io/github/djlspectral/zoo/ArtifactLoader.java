package io.github.djlspectral.zoo;

import ai.djl.Application;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import ai.djl.nn.Parameter;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Metadata;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelLoader;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.DefaultTranslatorFactory;
import ai.djl.translate.TranslateException;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorFactory;
import ai.djl.util.ClassLoaderUtils;
import ai.djl.util.Pair;
import ai.djl.util.Progress;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * Loads the versions of one model. DJL's {@code BaseModelLoader} would do but for three things: it
 * leaves a model open whose parameters do not load, it takes parameters in no known format for
 * loaded, and it says only that nothing matched, not what there is.
 */
final class ArtifactLoader implements ModelLoader {

    /** The arguments that DJL reads the names of classes from. */
    static final String BLOCK_FACTORY = "blockFactory";

    static final String TRANSLATOR_FACTORY = "translatorFactory";

    private final MRL mrl;

    ArtifactLoader(MRL mrl) {
        this.mrl = mrl;
    }

    @Override
    public String getGroupId() {
        return mrl.getGroupId();
    }

    @Override
    public String getArtifactId() {
        return mrl.getArtifactId();
    }

    @Override
    public Application getApplication() {
        return mrl.getApplication();
    }

    @Override
    public MRL getMrl() {
        return mrl;
    }

    @Override
    public <I, O> boolean isDownloaded(Criteria<I, O> criteria)
            throws IOException, ModelNotFoundException {
        return Files.exists(mrl.getRepository().getResourceDirectory(artifact(criteria)));
    }

    @Override
    public <I, O> void downloadModel(Criteria<I, O> criteria, Progress progress)
            throws IOException, ModelNotFoundException {
        mrl.getRepository().prepare(artifact(criteria), progress);
    }

    @Override
    public <I, O> ZooModel<I, O> loadModel(Criteria<I, O> criteria)
            throws IOException, ModelNotFoundException, MalformedModelException {
        Artifact artifact = artifact(criteria);
        Map<String, Object> arguments = artifact.getArguments(criteria.getArguments());
        TranslatorFactory translators = translators(criteria, arguments);
        Class<I> input = criteria.getInputClass();
        Class<O> output = criteria.getOutputClass();
        if (!translators.isSupported(input, output)) {
            String problem = "%s does not turn %s into %s, but: %s";
            throw new ModelNotFoundException(
                    problem.formatted(
                            artifact,
                            input.getName(),
                            output.getName(),
                            translators.getSupportedTypes()));
        }
        mrl.getRepository().prepare(artifact, criteria.getProgress());
        Path folder = mrl.getRepository().getResourceDirectory(artifact);
        Model model =
                Model.newInstance(artifact.getName(), criteria.getDevice(), SpectralZoo.ENGINE);
        boolean loaded = false;
        try {
            model.setBlock(block(criteria, model, folder, arguments));
            artifact.getProperties().forEach(model::setProperty);
            read(model, folder, artifact.getOptions(criteria.getOptions()));
            Translator<I, O> translator = translators.newInstance(input, output, model, arguments);
            loaded = true;
            return new ZooModel<>(model, translator);
        } catch (TranslateException e) {
            throw new ModelNotFoundException("Cannot translate for " + artifact, e);
        } finally {
            if (!loaded) {
                model.close();
            }
        }
    }

    private static void read(Model model, Path folder, Map<String, String> options)
            throws IOException, MalformedModelException {
        Map<String, Shape> expected = shapes(model.getBlock());
        try {
            model.load(folder, model.getName(), options);
        } catch (IOException e) {
            String problem =
                    "Cannot read the parameters in %s (%s): delete this folder, and they will be fetched again";
            throw new IOException(problem.formatted(folder, e), e);
        }
        if (!model.getBlock().isInitialized()) {
            throw new MalformedModelException(
                    folder + " has no parameters in DJL's format for this model");
        }
        Map<String, Shape> actual = shapes(model.getBlock());
        for (Map.Entry<String, Shape> parameter : expected.entrySet()) {
            Shape shape = actual.get(parameter.getKey());
            if (!shape.equals(parameter.getValue())) { // DJL would take any
                String problem =
                        "%s is of another architecture than the metadata say: %s is %s, not %s";
                throw new MalformedModelException(
                        problem.formatted(folder, parameter.getKey(), shape, parameter.getValue()));
            }
        }
    }

    /** Returns the shapes of the parameters that have one already. */
    private static Map<String, Shape> shapes(Block block) {
        Map<String, Shape> shapes = new TreeMap<>();
        for (Pair<String, Parameter> parameter : block.getParameters()) {
            Shape shape = parameter.getValue().getShape();
            if (shape != null && LongStream.of(shape.getShape()).allMatch(size -> size >= 0)) {
                shapes.put(parameter.getKey(), shape);
            }
        }
        return shapes;
    }

    /** Returns the newest version that passes the filters. */
    private Artifact artifact(Criteria<?, ?> criteria) throws IOException, ModelNotFoundException {
        Metadata metadata;
        try {
            metadata = mrl.getRepository().locate(mrl);
        } catch (FileNotFoundException e) {
            throw new ModelNotFoundException(
                    getArtifactId() + " has no version yet: " + e.getMessage(), e);
        }
        Map<String, String> filters = criteria.getFilters();
        return metadata.getArtifacts().stream()
                .filter(artifact -> artifact.hasProperties(filters))
                .findFirst()
                .orElseThrow(() -> noSuchVersion(filters, metadata.getArtifacts()));
    }

    private ModelNotFoundException noSuchVersion(Map<String, String> filters, List<Artifact> all) {
        return new ModelNotFoundException(
                "%s has no version with %s, but the versions %s"
                        .formatted(
                                getArtifactId(),
                                filters,
                                all.stream().map(Artifact::getVersion).toList()));
    }

    private static Block block(
            Criteria<?, ?> criteria, Model model, Path folder, Map<String, Object> arguments)
            throws IOException {
        return criteria.getBlock() != null
                ? criteria.getBlock()
                : instance(BlockFactory.class, arguments.get(BLOCK_FACTORY))
                        .newBlock(model, folder, arguments);
    }

    private static TranslatorFactory translators(
            Criteria<?, ?> criteria, Map<String, Object> arguments) throws IOException {
        if (criteria.getTranslatorFactory() != null) {
            return criteria.getTranslatorFactory();
        }
        Object name = arguments.get(TRANSLATOR_FACTORY);
        return name == null
                ? new DefaultTranslatorFactory()
                : instance(TranslatorFactory.class, name);
    }

    private static <T> T instance(Class<T> type, Object name) throws IOException {
        // What was published before the factories moved here names their old package.
        String current =
                String.valueOf(name).replace(".djlspectral.examples.zoo.", ".djlspectral.zoo.");
        T instance =
                ClassLoaderUtils.initClass(ClassLoaderUtils.getContextClassLoader(), type, current);
        if (instance == null) {
            String problem =
                    "The model needs the class %s as its %s, which is not on the class path: add the"
                            + " library that it was published with, or a newer one";
            throw new IOException(problem.formatted(name, type.getSimpleName()));
        }
        return instance;
    }
}

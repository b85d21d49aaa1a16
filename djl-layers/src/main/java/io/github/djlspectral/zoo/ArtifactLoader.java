package io.github.djlspectral.zoo;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.zoo.BaseModelLoader;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorFactory;
import ai.djl.util.ClassLoaderUtils;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Loads the versions of one model. DJL's own way would do but for three things: it leaves a model
 * open whose parameters do not load, it takes parameters in no known format for loaded, and it says
 * only that nothing matched, not what there is.
 */
final class ArtifactLoader extends BaseModelLoader {

    /** The arguments that DJL reads the names of classes from. */
    static final String BLOCK_FACTORY = "blockFactory";

    static final String TRANSLATOR_FACTORY = "translatorFactory";

    ArtifactLoader(MRL mrl) {
        super(mrl);
    }

    @Override
    public <I, O> ZooModel<I, O> loadModel(Criteria<I, O> criteria)
            throws IOException, ModelNotFoundException, MalformedModelException {
        Artifact artifact = artifact(criteria);
        Map<String, Object> arguments = artifact.getArguments(criteria.getArguments());
        TranslatorFactory translators = criteria.getTranslatorFactory();
        if (translators == null) {
            Object factory = arguments.get(TRANSLATOR_FACTORY);
            translators =
                    factory == null ? defaultFactory : instance(TranslatorFactory.class, factory);
        }
        Class<I> input = criteria.getInputClass();
        Class<O> output = criteria.getOutputClass();
        if (!translators.isSupported(input, output)) {
            String types = input.getName() + " into " + output.getName();
            Object supported = translators.getSupportedTypes();
            throw new ModelNotFoundException(
                    artifact + " does not turn " + types + ", but: " + supported);
        }
        mrl.getRepository().prepare(artifact, criteria.getProgress());
        Path folder = mrl.getRepository().getResourceDirectory(artifact);
        String name = artifact.getName();
        Model model = Model.newInstance(name, criteria.getDevice(), SpectralZoo.ENGINE);
        boolean loaded = false;
        try {
            Block block = criteria.getBlock();
            if (block == null) {
                Object factory = arguments.get(BLOCK_FACTORY);
                block = instance(BlockFactory.class, factory).newBlock(model, folder, arguments);
            }
            model.setBlock(block);
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
        try {
            model.load(folder, model.getName(), options);
        } catch (IOException e) {
            String problem = "Cannot read the parameters in " + folder + " (" + e + ")";
            throw new IOException(
                    problem + ": delete this folder, and they will be fetched again", e);
        }
        if (!model.getBlock().isInitialized()) {
            throw new MalformedModelException(
                    folder + " has no parameters in DJL's format for this model");
        }
    }

    /** Returns the newest version that passes the filters. */
    private Artifact artifact(Criteria<?, ?> criteria) throws IOException, ModelNotFoundException {
        List<Artifact> all;
        try {
            all = mrl.getRepository().locate(mrl).getArtifacts();
        } catch (FileNotFoundException e) {
            String problem = getArtifactId() + " has no version yet: " + e.getMessage();
            throw new ModelNotFoundException(problem, e);
        }
        Map<String, String> filters = criteria.getFilters();
        for (Artifact artifact : all) {
            if (artifact.hasProperties(filters)) {
                return artifact;
            }
        }
        List<String> versions = all.stream().map(Artifact::getVersion).toList();
        String problem = "%s has no version with %s, but the versions %s";
        throw new ModelNotFoundException(problem.formatted(getArtifactId(), filters, versions));
    }

    private static <T> T instance(Class<T> type, Object name) throws IOException {
        // What was published before the factories moved here names their old package.
        String current = ("" + name).replace(".djlspectral.examples.zoo.", ".djlspectral.zoo.");
        ClassLoader loader = ClassLoaderUtils.getContextClassLoader();
        T instance = ClassLoaderUtils.initClass(loader, type, current);
        if (instance == null) {
            String problem =
                    "The model needs the class %s as its %s, which is not on the class path: add the"
                            + " library that it was published with, or a newer one";
            throw new IOException(problem.formatted(name, type.getSimpleName()));
        }
        return instance;
    }
}

package io.github.djlspectral.zoo;

import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import java.nio.file.Path;
import java.util.Map;

/**
 * Builds a {@link Gpt2} from the arguments in a model's metadata. Published models name this class
 * and its arguments, so these names stay.
 */
public final class Gpt2BlockFactory implements BlockFactory {

    private static final long serialVersionUID = 1L;

    /** Creates the factory; DJL does it. */
    public Gpt2BlockFactory() {}

    /**
     * Returns the arguments that build a model again.
     *
     * @param config the model's shape
     * @param precision the format of its matrix products
     * @return the arguments by name
     */
    public static Map<String, Object> arguments(Gpt2Config config, Precision precision) {
        return Map.of(
                "vocabSize", config.vocabSize(),
                "contextLength", config.contextLength(),
                "layers", config.layers(),
                "heads", config.heads(),
                "width", config.width(),
                "dropout", config.dropout(),
                "bias", config.bias(),
                "precision", precision.name());
    }

    @Override
    public Block newBlock(Model model, Path modelPath, Map<String, ?> arguments) {
        Arguments values = new Arguments(arguments, Map.of());
        Gpt2Config config =
                new Gpt2Config(
                        values.integer("vocabSize"),
                        values.integer("contextLength"),
                        values.integer("layers"),
                        values.integer("heads"),
                        values.integer("width"),
                        (float) values.real("dropout"),
                        values.flag("bias"));
        double weights = 12.0 * config.layers() * config.width() * config.width();
        Arguments.requireFiles(modelPath, weights + (double) config.vocabSize() * config.width());
        Precision precision = values.constant("precision", Precision.class);
        return Gpt2.builder().setConfig(config).optPrecision(precision).build();
    }
}

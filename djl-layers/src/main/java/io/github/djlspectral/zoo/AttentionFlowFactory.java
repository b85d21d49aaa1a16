package io.github.djlspectral.zoo;

import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.BlockFactory;
import io.github.djlspectral.layers.flow.AttentionFlow;
import java.nio.file.Path;
import java.util.Map;

/**
 * Builds an {@link AttentionFlow} from the arguments in a model's metadata, which have the names of
 * the builder's methods: {@code dimension}, {@code heads}, {@code steps}, {@code stepSize}, and,
 * unless they have the default, {@code temperature} and {@code sharedWeights}. Published models
 * name this class and its arguments, so these names stay.
 */
public final class AttentionFlowFactory implements BlockFactory {

    private static final long serialVersionUID = 1L;

    /** Creates the factory; DJL does it. */
    public AttentionFlowFactory() {}

    @Override
    public Block newBlock(Model model, Path modelPath, Map<String, ?> arguments) {
        Map<String, ?> defaults = Map.of("temperature", 1, "sharedWeights", false);
        Arguments values = new Arguments(arguments, defaults);
        double dimension = values.integer("dimension");
        Arguments.requireFiles(modelPath, values.integer("heads") * dimension * dimension);
        return AttentionFlow.builder()
                .setDimension(values.integer("dimension"))
                .setHeads(values.integer("heads"))
                .setSteps(values.integer("steps"))
                .setStepSize(values.real("stepSize"))
                .optTemperature(values.real("temperature"))
                .optSharedWeights(values.flag("sharedWeights"))
                .build();
    }
}

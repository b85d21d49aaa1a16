package io.github.djlspectral.generate;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;

/** Small models whose next token depends on all tokens before, as that of a trained model does. */
final class LivelyModel {

    private LivelyModel() {}

    static Gpt2 create(NDManager manager, int vocabSize, int context) {
        Gpt2 gpt2 =
                Gpt2.builder()
                        .setConfig(new Gpt2Config(vocabSize, context, 2, 2, 16, 0, true))
                        .build();
        for (Parameter parameter : gpt2.getParameters().values()) {
            if (parameter.getType() == Parameter.Type.WEIGHT) {
                // A model that knows its last token better than all else repeats it for ever.
                boolean wte = parameter.getName().startsWith("wte");
                parameter.setInitializer(new NormalInitializer(wte ? 0.5f : 1));
            }
        }
        Engine.getEngine("PyTorch").setRandomSeed(3);
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, context));
        return gpt2;
    }
}

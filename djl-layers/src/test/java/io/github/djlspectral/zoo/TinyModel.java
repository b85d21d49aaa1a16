package io.github.djlspectral.zoo;

import ai.djl.Application;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** A GPT-2 of bytes with two thousand parameters, as its seed makes it. */
final class TinyModel implements AutoCloseable {

    static final Gpt2Config CONFIG = new Gpt2Config(256, 12, 1, 2, 4, 0.25f, true);

    private static final long[] TOKENS = {72, 101, 108, 108, 111};

    private final NDManager manager = NDManager.newBaseManager();
    private final Gpt2 block;

    TinyModel(int seed) {
        Engine.getEngine("PyTorch").setRandomSeed(seed);
        block = Gpt2.builder().setConfig(CONFIG).build();
        block.initialize(manager, DataType.FLOAT32, new Shape(1, CONFIG.contextLength()));
    }

    Gpt2 block() {
        return block;
    }

    NDManager manager() {
        return manager;
    }

    float[] logits() {
        return logits(block, manager);
    }

    /** Returns the logits of a fixed text. */
    static float[] logits(Block block, NDManager manager) {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray tokens = scratch.create(TOKENS, new Shape(1, TOKENS.length));
            return block.forward(new ParameterStore(scratch, false), new NDList(tokens), false)
                    .singletonOrThrow()
                    .toFloatArray();
        }
    }

    static Coordinates coordinates(String version) {
        return new Coordinates(Application.NLP.TEXT_GENERATION, SpectralZoo.GROUP, "gpt2", version);
    }

    /** Returns a complete publication, which a test may still change. */
    Publication.Builder publication(String version) {
        return publication(coordinates(version), block);
    }

    static Publication.Builder publication(Coordinates coordinates, Block block) {
        return Publication.builder()
                .setCoordinates(coordinates)
                .setBlock(block)
                .setBlockFactory(
                        Gpt2BlockFactory.class,
                        Gpt2BlockFactory.arguments(CONFIG, Precision.FLOAT32))
                .optTranslatorFactory(TextTranslatorFactory.class)
                .optFile(
                        TextTranslatorFactory.TOKENIZER,
                        "{\"name\":\"bytes\"}".getBytes(StandardCharsets.UTF_8))
                .optLicence("Apache-2.0")
                .optCard(Map.of("data", "none", "steps", "0"));
    }

    @Override
    public void close() {
        manager.close();
    }
}

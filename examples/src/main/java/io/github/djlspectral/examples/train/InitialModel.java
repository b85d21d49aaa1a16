package io.github.djlspectral.examples.train;

import ai.djl.nn.Block;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * A model that training starts from, and nothing of how it was trained: a run of ours, or a
 * checkpoint in the Hugging Face layout.
 *
 * @param path where it lies
 * @param shape its shape
 * @param tokenizer its tokenizer
 * @param weights gives the elements of each parameter by its name
 */
record InitialModel(
        Path path, Gpt2Config shape, Tokenizer tokenizer, Function<String, float[]> weights) {

    /**
     * Finds a model; its parameters are read later.
     *
     * @param path a run's directory, or the directory or safetensors file of a checkpoint
     * @throws BadInputException if there is none, or none that can be used
     */
    static InitialModel open(Path path) {
        RunDirectory run = new RunDirectory(path);
        if (run.hasCheckpoints()) {
            Checkpoint newest =
                    run.checkpoints()
                            .newest()
                            .orElseThrow(
                                    () ->
                                            new BadInputException(
                                                    run.path() + " has no checkpoint yet"));
            return ofRun(run, newest);
        }
        HuggingFaceGpt2 checkpoint = HuggingFaceGpt2.open(path);
        return new InitialModel(
                path, checkpoint.config(), checkpoint.tokenizer(), checkpoint::read);
    }

    /** Returns the model of a run's checkpoint. */
    static InitialModel ofRun(RunDirectory run, Checkpoint checkpoint) {
        Gpt2Config shape = RunConfig.read(run.config()).model();
        checkpoint.requireModel(shape);
        return new InitialModel(
                run.path(), shape, Tokenizer.load(run.tokenizer()), checkpoint.weights()::read);
    }

    /** Returns the options that give a model this shape. */
    List<String> arguments() {
        return List.of(
                "--tokenizer=" + tokenizer.name(),
                "--layers=" + shape.layers(),
                "--heads=" + shape.heads(),
                "--width=" + shape.width(),
                "--context=" + shape.contextLength(),
                "--vocab-size=" + shape.vocabSize(),
                shape.bias() ? "--bias" : "--no-bias");
    }

    /** Returns the tokenizer for texts to train on: GPT-2's may find documents in them. */
    Tokenizer tokenizer(TrainingOptions options) {
        return options.tokenizer == Tokenization.GPT2_EOT && tokenizer.tokenization().isGpt2()
                ? Tokenization.GPT2_EOT.tokenizerFor("").withEndOfText(tokenizer.endOfText())
                : tokenizer;
    }

    /**
     * Fails if options ask for another model.
     *
     * @throws BadInputException naming the option
     */
    void require(TrainingOptions options) {
        require("--tokenizer", options.tokenizer.toString(), tokenizer(options).name());
        require("--vocab-size", options.vocabSize, shape.vocabSize());
        require("--layers", options.layers, shape.layers());
        require("--heads", options.heads, shape.heads());
        require("--width", options.width, shape.width());
        require("--context", options.context, shape.contextLength());
        require("--bias", options.bias, shape.bias());
    }

    private void require(String option, Object given, Object own) {
        if (!given.equals(own)) {
            throw new BadInputException(
                    option
                            + " is "
                            + given
                            + ", but the model of --init "
                            + path
                            + " has "
                            + own
                            + ": leave the option out");
        }
    }

    /** Makes the parameters the initial values of a block that is not yet initialised. */
    void initialize(Block block) {
        block.getParameters()
                .forEach(
                        named ->
                                named.getValue()
                                        .setInitializer(
                                                (manager, size, type) ->
                                                        manager.create(
                                                                weights.apply(named.getKey()),
                                                                size)));
    }
}

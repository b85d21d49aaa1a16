///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.djlspectral:djl-spectral:0.1.0-SNAPSHOT@pom
//DEPS io.github.djlspectral:djl-layers
//DEPS ai.djl.pytorch:pytorch-jni
//DEPS ai.djl.pytorch:pytorch-native-cpu:2.7.1:linux-x86_64
//DEPS org.slf4j:slf4j-simple:2.0.17

package io.github.djlspectral.examples;

import ai.djl.Application;
import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.layers.gpt.NextTokenLoss;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.WarmupCosineTracker;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.zoo.Coordinates;
import io.github.djlspectral.zoo.Gpt2BlockFactory;
import io.github.djlspectral.zoo.Publication;
import io.github.djlspectral.zoo.Publisher;
import io.github.djlspectral.zoo.SpectralZoo;
import io.github.djlspectral.zoo.TextTranslatorFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Trains a GPT-2 of characters from nothing, as nanoGPT's train.py does, and publishes it where
 * {@link LoadFromZoo} finds it.
 *
 * <p>Arguments: a text file, the number of steps, a folder to write to.
 */
final class TrainGpt2 {

    private static final int BATCH = 12;
    private static final int CONTEXT = 64;

    private TrainGpt2() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) {
            throw new IllegalArgumentException("Give a text file, the number of steps, a folder");
        }
        int steps = Integer.parseInt(arguments[1]);
        Path folder = Path.of(arguments[2]);

        // Data: each character a token, in a file that is mapped; the last tenth to validate.
        String text = Files.readString(Path.of(arguments[0]));
        Tokenizer tokenizer = Tokenization.CHARS.tokenizerFor(text);
        Path file = Files.createTempFile("tokens", ".bin"); // not where the model is published
        file.toFile().deleteOnExit();
        TokenShard.write(file, tokenizer.encode(text));

        try (TokenShard tokens = TokenShard.open(file, tokenizer.vocabSize());
                Model model = Model.newInstance("gpt2")) {
            long cut = tokens.length() * 9 / 10;
            List<TokenShard> first = List.of(tokens.slice(0, cut));
            List<TokenShard> last = List.of(tokens.slice(cut, tokens.length()));
            TokenBatches training = TokenBatches.random(first, BATCH, CONTEXT, 1337);
            TokenBatches validation = TokenBatches.inOrder(last, BATCH, CONTEXT);

            // Model: 4 layers of 4 heads and width 128, no dropout, no biases.
            Gpt2Config shape = new Gpt2Config(tokenizer.vocabSize(), CONTEXT, 4, 4, 128, 0, false);
            Gpt2 gpt2 = Gpt2.builder().setConfig(shape).build();
            model.setBlock(gpt2);
            Engine.getInstance().setRandomSeed(1337);

            // Optimizer: Muon for hidden matrices, AdamW at 0.3 times its rate for all else.
            WarmupCosineTracker.Builder rates = WarmupCosineTracker.builder().setBaseValue(0.02f);
            Tracker rate = rates.setWarmupSteps(steps / 10).setTotalSteps(steps).build();
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            config.optDevices(new Device[] {model.getNDManager().getDevice()});
            Muon.Builder spectral = Muon.builder().optLearningRateTracker(rate);
            try (Muon muon = spectral.optWeightDecays(0.1f).build();
                    Trainer trainer = model.newTrainer(muon.attachTo(config))) {
                trainer.initialize(new Shape(BATCH, CONTEXT));
                // snippet: gradient
                LossGradient gradient = new LossGradient(gpt2, trainer, false);
                for (int step = 1; step <= steps; step++) {
                    double loss;
                    try (NDManager scratch = trainer.getManager().newSubManager()) {
                        loss = gradient.add(training.batch(step - 1, scratch), 1);
                    }
                    OptimizerStep.apply(trainer, muon, 1); // clips to a norm of 1
                    if (step == 1 || step % 50 == 0 || step == steps) {
                        String line = "step %d: training loss %.3f, validation loss %.3f%n";
                        double unseen = validate(gpt2, trainer.getManager(), validation);
                        System.out.printf(Locale.ROOT, line, step, loss, unseen);
                    }
                }
                // end
            }

            // Samples: from the first character of the text on.
            GenerationOptions options = new GenerationOptions().withMaxTokens(200);
            TextGenerator generator = new TextGenerator(gpt2, tokenizer, model.getNDManager());
            generator.generate(new int[] {tokens.token(0)}, options, System.out::print);
            System.out.println();

            new Publisher(folder).publish(publication(gpt2, tokenizer));
        }
    }

    /** The mean over some batches, always the same. */
    private static double validate(Gpt2 gpt2, NDManager manager, TokenBatches validation) {
        long count = Math.min(20, validation.count());
        double sum = 0;
        for (long i = 0; i < count; i++) {
            try (NDManager scratch = manager.newSubManager()) {
                NDList batch = validation.batch(i, scratch);
                ParameterStore store = new ParameterStore(scratch, false);
                NDArray loss = gpt2.loss(store, batch.get(0), batch.get(1), false);
                sum += Host.read(loss, NDArray::getFloat);
            }
        }
        return sum / count;
    }

    private static Publication publication(Gpt2 gpt2, Tokenizer tokenizer) {
        // snippet: publication
        Application application = Application.NLP.TEXT_GENERATION;
        byte[] json = tokenizer.toJson().getBytes(StandardCharsets.UTF_8);
        return Publication.builder()
                .setCoordinates(new Coordinates(application, SpectralZoo.GROUP, "gpt2", "0.1.0"))
                .setBlock(gpt2)
                .setBlockFactory(
                        Gpt2BlockFactory.class,
                        Gpt2BlockFactory.arguments(gpt2.getConfig(), Precision.FLOAT32))
                .optTranslatorFactory(TextTranslatorFactory.class)
                .optFile(TextTranslatorFactory.TOKENIZER, json)
                .optReplacing(true) // another run replaces this one's
                .build();
        // end
    }
}

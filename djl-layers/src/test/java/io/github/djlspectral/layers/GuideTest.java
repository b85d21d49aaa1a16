package io.github.djlspectral.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.layers.flow.Drift;
import io.github.djlspectral.layers.flow.FlowPath;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Lora;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.layers.gpt.NextTokenLoss;
import io.github.djlspectral.layers.isometry.IsometricLayer;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryListener;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryProbe;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.text.TextRecord;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.TokenDataset;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The snippets of the module's guide, which are cut out of this file. */
class GuideTest {

    @TempDir private Path folder;
    private NDManager manager;
    private ParameterStore store;

    @BeforeEach
    void open() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        manager = NDManager.newBaseManager("PyTorch");
        store = new ParameterStore(manager, false);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void gpt2() throws IOException, TranslateException {
        String text = "Alas, poor Yorick! I knew him, Horatio. ".repeat(40);
        Path file = folder.resolve("tokens.bin");
        Muon muon = Muon.builder().optLearningRateTracker(Tracker.fixed(0.02f)).build();
        try (Model model = Model.newInstance("guide", "PyTorch");
                muon) {
            // snippet: gpt2
            Tokenizer tokenizer = Tokenization.BYTES.tokenizerFor(text); // or GPT2, CHARS
            TokenShard.write(file, tokenizer.encode(text)); // 16 bits a token
            TokenShard shard = TokenShard.open(file, tokenizer.vocabSize()); // mapped, not read
            TokenBatches batches = TokenBatches.random(List.of(shard), 8, 32, 1);

            // tokens, context, layers, heads, width, dropout, biases; or Gpt2Config.gpt2Small()
            Gpt2Config config = new Gpt2Config(tokenizer.vocabSize(), 32, 2, 2, 64, 0, false);
            Gpt2 gpt2 = Gpt2.builder().setConfig(config).build(); // [B, T] to [B, T, V]
            model.setBlock(gpt2);
            DefaultTrainingConfig training = new DefaultTrainingConfig(new NextTokenLoss());
            try (Trainer trainer = model.newTrainer(muon.attachTo(training))) {
                trainer.initialize(new Shape(8, 32));
                EasyTrain.fit(trainer, 3, new TokenDataset(batches, 20), null);
            }
            TextGenerator generator = new TextGenerator(gpt2, tokenizer, model.getNDManager());
            GenerationOptions options = new GenerationOptions().withMaxTokens(24);
            String more = generator.generate("Alas, poor ", options, System.out::print);
            // end
            assertThat(more).startsWith("Yor");
            Path exported = folder.resolve("exported");
            // snippet: hugging-face
            HuggingFaceGpt2.write(exported, gpt2, tokenizer, DataType.FLOAT32); // or FLOAT16, ..
            HuggingFaceGpt2 stored = HuggingFaceGpt2.open(exported); // or from the Hub
            Gpt2 same = stored.load(manager); // and stored.tokenizer()
            // end
            assertThat(stored.tokenizer().encode(text)).isEqualTo(tokenizer.encode(text));
            assertThat(same.getParameters().get("wte.weight").getArray())
                    .isEqualTo(gpt2.getParameters().get("wte.weight").getArray());
            fineTune(same, tokenizer);
            shard.close();
        }
    }

    private void fineTune(Gpt2 gpt2, Tokenizer tokenizer) throws IOException {
        Path adapters = folder.resolve("adapters.safetensors");
        Path file = folder.resolve("records.bin");
        String lines = "{\"prompt\": \"Name:\", \"completion\": \"John\"}\n";
        long[] answer = {-1, -1, -1, -1, 'J', 'o', 'h', 'n'};
        NDArray tokens = manager.create(new long[][] {{'N', 'a', 'm', 'e', ':', 'J', 'o', 'h'}});
        NDList record = new NDList(tokens, manager.create(new long[][] {answer}));
        double before = gpt2.loss(store, tokens, record.get(1), false).getFloat();
        // snippet: fine-tune
        List<TextRecord> records = TextRecord.parse(lines, "names.jsonl");
        Tokenizer ending = tokenizer.withEndOfText(List.of(0)); // GPT-2's has an end of text
        TokenShard.write(file, records, ending); // tokens, and which of them are learned
        TokenShard shard = TokenShard.open(file, ending.vocabSize());
        TokenBatches batches = TokenBatches.random(List.of(shard), 4, 32, 1);
        try (Model model = Model.newInstance("tuned", "PyTorch");
                Muon muon = Muon.builder().optLearningRateTracker(Tracker.fixed(0.02f)).build()) {
            model.setBlock(gpt2);
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            try (Trainer trainer = model.newTrainer(muon.attachTo(config))) {
                gpt2.adapt(Lora.of(8, 2)); // W x + 2 B A x, of which only A and B are trained
                LossGradient gradient = new LossGradient(gpt2, trainer, true); // recomputes
                for (int step = 0; step < 20; step++) {
                    try (NDManager scratch = trainer.getManager().newSubManager()) {
                        gradient.add(batches.batch(step, scratch), 1); // targets: -1 in prompts
                    }
                    OptimizerStep.apply(trainer, muon, 1);
                }
            }
            Lora.save(gpt2, adapters); // Lora.load(other, adapters) adds them to it
            gpt2.merge();
        }
        Block classifier = // int64 [B, T], below 0 where a text has ended, to scores [B, 2]
                new SequentialBlock().add(gpt2.encoder()).add(Linear.builder().setUnits(2).build());
        // end
        assertThat(gpt2.loss(store, tokens, record.get(1), false).getFloat())
                .isLessThan((float) before / 2);
        assertThat(adapters).isNotEmptyFile();
        shard.close();
        classify(classifier);
    }

    private void classify(Block classifier) {
        classifier.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        NDArray two = manager.create(new long[][] {{'N', -1, -1, -1}, {'N', 'a', -1, -1}});
        NDArray scores = classifier.forward(store, new NDList(two), false).singletonOrThrow();
        assertThat(scores.getShape()).isEqualTo(classifier.getOutputShapes(shapes(two))[0]);
        NDArray n = manager.create(new long[][] {{'N'}}); // alone and without padding
        NDArray alone = classifier.forward(store, new NDList(n), false).singletonOrThrow();
        assertThat(scores.get(":1").sub(alone).abs().max().getFloat()).isLessThan(1e-5f);
        assertThat(scores.get("1:").sub(alone).abs().max().getFloat()).isGreaterThan(1e-3f);
        assertThat(ParameterRouting.of(classifier).toTable())
                .containsPattern("h.1.attn.c_attn.weight +3 x \\(64, 64\\) +.* hidden matrices")
                .containsPattern("Linear_weight +\\(2, 64\\) .* output head")
                .containsPattern("spectral +8 arrays");
    }

    private static Shape[] shapes(NDArray array) {
        return new Shape[] {array.getShape()};
    }

    @Test
    void isometricNetwork() {
        NDArray images = manager.randomNormal(new Shape(4, 64));
        NDArray point = images.get(0);
        // snippet: isometry
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < 200; i++) { // x - 2 W^T relu(W x + b), W orthonormal, kept so
            network.add(ResidualFold.builder().setWidth(64).build());
        }
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 64));
        NDArray s = JacobianSpectrum.singularValues(network, manager, point); // all 1.0000

        IsometryProbe probe = IsometryProbe.builder().setInputs(images).build();
        IsometryListener listener = // spectrum, gradients by layer, shattering, in training
                IsometryListener.builder().setProbe(probe).optEvery(100).build();
        Block fast = IsometricLayer.materialise(network, manager); // for inference
        // end
        assertThat(s.max().getFloat()).isCloseTo(1, within(1e-4f));
        assertThat(s.min().getFloat()).isCloseTo(1, within(1e-4f));
        assertThat(listener.entries()).isEmpty();
        NDArray ours = network.forward(store, new NDList(images), false).get(0);
        NDArray same = fast.forward(store, new NDList(images), false).get(0);
        assertThat(same.sub(ours).abs().max().getFloat()).isLessThan(1e-3f);
    }

    @Test
    void attentionFlow() {
        NDArray tokens = manager.randomNormal(new Shape(2, 16, 32));
        tokens = tokens.div(tokens.norm(new int[] {2}, true));
        // snippet: flow
        AttentionFlow flow = // [B, n, 32] -> [B, n, 32]
                AttentionFlow.builder()
                        .setDimension(32)
                        .setHeads(4)
                        .setSteps(4)
                        .setStepSize(0.5)
                        .build();
        flow.initialize(manager, DataType.FLOAT32, tokens.getShape());
        List<FlowPath> paths = flow.paths(store, tokens); // energy, dissipation, their balance
        // end
        assertThat(paths).hasSize(2);
        assertThat(paths.get(0).residual()).isNotEmpty();
    }

    @Test
    void flowSimulator() {
        NDArray tokens = manager.randomNormal(0, 1, new Shape(24, 3), DataType.FLOAT64);
        tokens = tokens.div(tokens.norm(new int[] {1}, true));
        NDArray weights = manager.randomNormal(0, 1, new Shape(4, 3, 3), DataType.FLOAT64);
        weights = weights.add(weights.transpose(0, 2, 1));
        // snippet: simulator
        FlowRecord record =
                FlowSimulator.builder()
                        .setTokens(tokens) // [n, d], unit vectors
                        .setWeights(weights) // [H, d, d], symmetric
                        .setDrift(Drift.oscillating())
                        .setStepSize(5e-3)
                        .setSteps(400)
                        .build()
                        .run();
        double[] energy = record.energy();
        // end
        assertThat(energy).isNotEmpty().doesNotContain(Double.NaN);
    }
}

package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.ParameterList;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.loss.SoftmaxCrossEntropyLoss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.util.Pair;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Gpt2Test extends Gpt2Fixture {

    @Test
    void namesShapesAndInitialValuesAreThePublishedOnes() {
        Gpt2Config config = new Gpt2Config(500, 100, 2, 4, 64, 0.1f, true);
        Gpt2 model = initialised(config, Precision.FLOAT32);
        ParameterList parameters = model.getParameters();
        assertThat(parameters.keys())
                .startsWith(
                        "wte.weight",
                        "wpe.weight",
                        "h.0.ln_1.weight",
                        "h.0.ln_1.bias",
                        "h.0.attn.c_attn.weight",
                        "h.0.attn.c_attn.bias",
                        "h.0.attn.c_proj.weight",
                        "h.0.attn.c_proj.bias",
                        "h.0.ln_2.weight",
                        "h.0.ln_2.bias",
                        "h.0.mlp.c_fc.weight",
                        "h.0.mlp.c_fc.bias",
                        "h.0.mlp.c_proj.weight",
                        "h.0.mlp.c_proj.bias",
                        "h.1.ln_1.weight")
                .endsWith("ln_f.weight", "ln_f.bias")
                .hasSize(2 + 2 * 12 + 2);
        assertThat(parameters.get("h.1.attn.c_attn.weight").getShape())
                .isEqualTo(new Shape(192, 64));
        assertThat(parameters.get("h.1.mlp.c_proj.weight").getShape())
                .isEqualTo(new Shape(64, 256));
        for (Pair<String, Parameter> pair : parameters) {
            NDArray values = pair.getValue().getArray();
            String name = pair.getKey();
            if (name.matches(".*ln_.\\.weight")) {
                assertThat(values).as(name).isEqualTo(values.onesLike());
            } else if (name.endsWith(".bias")) {
                assertThat(values).as(name).isEqualTo(values.zerosLike());
            } else {
                double deviation = name.endsWith("c_proj.weight") ? 0.02 / Math.sqrt(4) : 0.02;
                // At least 4096 draws: five standard deviations of their root mean square are 5.6%.
                assertThat(Math.sqrt(values.square().mean().getFloat()))
                        .as(name)
                        .isCloseTo(deviation, withinPercentage(5.6));
            }
        }
        Gpt2 again = initialised(config, Precision.BFLOAT16);
        assertThat(again.getParameters().get("h.1.mlp.c_fc.weight").getArray())
                .isEqualTo(parameters.get("h.1.mlp.c_fc.weight").getArray());
    }

    /** Query, key and value are mapped one by one; heads are if asked. */
    @Test
    void aSpectralOptimizerTakesQueryKeyAndValueApart() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        ParameterRouting routing = ParameterRouting.of(model);
        assertThat(routing.toTable())
                .containsPattern("h.2.attn.c_attn.weight +3 x \\(32, 32\\) .* hidden matrices")
                .containsPattern("h.2.attn.c_proj.weight +\\(32, 32\\) .* hidden matrix\n")
                .containsPattern("h.2.mlp.c_fc.weight +\\(128, 32\\) .* hidden matrix\n")
                .containsPattern("h.2.attn.c_attn.bias +\\(96\\) .* fallback ")
                .containsPattern("spectral +12 arrays");
        assertThat(routing.withBlocks("c_attn.weight", 3 * SMALL.heads()).toTable())
                .containsPattern("h.2.attn.c_attn.weight +12 x \\(8, 32\\) ");
        Parameter parameter = model.getParameters().get("h.0.attn.c_attn.weight");
        NDArray weight = parameter.getArray();
        NDArray before = weight.duplicate();
        NDArray gradient = manager.randomNormal(weight.getShape());
        gradient.get("64:").muli(1000); // that of the values is the largest by far
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            muon.update(parameter.getId(), weight, gradient);
        }
        for (String rows : List.of(":32", "32:64", "64:")) {
            float norm = before.sub(weight).get(rows).norm().getFloat();
            assertThat(norm).isCloseTo(0.02f * (float) Math.sqrt(32), withinPercentage(2));
        }
    }

    @Test
    void withoutBiasNoParameterIsABias() {
        Gpt2 model = Gpt2.builder().setConfig(new Gpt2Config(5, 4, 2, 1, 8, 0, false)).build();
        assertThat(model.getParameters().keys())
                .hasSize(2 + 2 * 6 + 1)
                .noneMatch(name -> name.endsWith("bias"));
    }

    @Test
    void publishedSizesHaveThePublishedNumbersOfParameters() {
        // Radford et al. 2019, with the counts of the released checkpoints.
        assertThat(parameterCount(Gpt2Config.gpt2Small())).isEqualTo(124_439_808);
        assertThat(parameterCount(Gpt2Config.gpt2Medium())).isEqualTo(354_823_168);
        assertThat(parameterCount(Gpt2Config.gpt2Large())).isEqualTo(774_030_080);
        assertThat(parameterCount(Gpt2Config.gpt2Xl())).isEqualTo(1_557_611_200);
    }

    private static long parameterCount(Gpt2Config config) {
        return Gpt2.builder().setConfig(config).build().getParameters().values().stream()
                .mapToLong(parameter -> parameter.getShape().size())
                .sum();
    }

    @Test
    void trainsWithATrainerAndSurvivesSavingAndLoading(@TempDir Path directory)
            throws IOException, MalformedModelException {
        NDList batch =
                new NDList(tokens(SMALL, new Shape(2, 16), 1), tokens(SMALL, new Shape(2, 16), 2));
        NDArray trained;
        try (Model model = Model.newInstance("gpt2", "PyTorch")) {
            model.setBlock(Gpt2.builder().setConfig(SMALL).build());
            TrainingConfig training =
                    new DefaultTrainingConfig(new SoftmaxCrossEntropyLoss())
                            .optOptimizer(
                                    Optimizer.adam()
                                            .optLearningRateTracker(Tracker.fixed(1e-2f))
                                            .build());
            try (Trainer trainer = model.newTrainer(training)) {
                trainer.initialize(new Shape(2, 16), new Shape(2, 16));
                float first = step(trainer, batch);
                // Uniform guessing costs log 53 = 3.97; the untrained model is close to that.
                assertThat(first).isCloseTo(3.97f, within(0.1f));
                float last = first;
                for (int i = 0; i < 30; i++) {
                    last = step(trainer, batch);
                }
                assertThat(last).isLessThan(0.5f * first);
                trained = trainer.evaluate(new NDList(batch.get(0))).singletonOrThrow();
            }
            model.save(directory, "gpt2");
        }
        try (Model model = Model.newInstance("gpt2", "PyTorch")) {
            Gpt2 block = Gpt2.builder().setConfig(SMALL).build();
            model.setBlock(block);
            model.load(directory, "gpt2");
            assertThat(block.forward(store, new NDList(batch.get(0)), false).singletonOrThrow())
                    .isEqualTo(trained);
        }
    }

    @Test
    void parametersOfAnotherArchitectureAreRefused() throws IOException {
        ByteArrayOutputStream saved = new ByteArrayOutputStream();
        initialised(SMALL, Precision.FLOAT32).saveParameters(new DataOutputStream(saved));
        Gpt2 other = initialised(new Gpt2Config(53, 16, 3, 2, 32, 0, true), Precision.FLOAT32);
        float[] before = other.getParameters().get("wte.weight").getArray().toFloatArray();
        assertThatThrownBy(
                        () ->
                                other.loadParameters(
                                        manager,
                                        new DataInputStream(
                                                new ByteArrayInputStream(saved.toByteArray()))))
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("heads=4")
                .hasMessageContaining("heads=2");
        assertThat(other.getParameters().get("wte.weight").getArray().toFloatArray())
                .isEqualTo(before);
    }

    private static float step(Trainer trainer, NDList batch) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDArray loss = trainer.forward(batch).singletonOrThrow();
            collector.backward(loss);
            trainer.step();
            return loss.getFloat();
        }
    }

    @Test
    void memoryIsFlat() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        long[] tokens = new long[32];
        List<Integer> managed = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            try (NDManager step = manager.newSubManager()) {
                NDArray batch = step.create(tokens, new Shape(2, 16));
                backward(model, batch, batch);
                // The batch, the loss, and the seed of the backward pass: nothing of the layers.
                assertThat(step.getManagedArrays()).hasSizeLessThanOrEqualTo(4);
            }
            managed.add(manager.getManagedArrays().size());
        }
        assertThat(managed.get(199)).isEqualTo(managed.get(9));
    }

    @Test
    void outputShapesAreWhatForwardReturns() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        Shape shape = new Shape(2, 7);
        NDArray tokens = tokens(SMALL, shape, 1);
        assertThat(model.getOutputShapes(new Shape[] {shape}))
                .containsExactly(model.forward(store, new NDList(tokens), false).get(0).getShape());
        assertThat(model.getOutputShapes(new Shape[] {shape, shape}))
                .containsExactly(
                        model.forward(store, new NDList(tokens, tokens), true).get(0).getShape());
    }

    /** The file is of a version whose parameters were all the model's own: 0, 0.01, 0.02, .. */
    @Test
    void loadsAndSavesAsBeforeLayersWereBlocks() throws Exception {
        byte[] saved;
        try (InputStream file =
                Gpt2Test.class.getResourceAsStream("saved-before-layers-were-blocks.params")) {
            saved = file.readAllBytes();
        }
        Gpt2 model = Gpt2.builder().setConfig(new Gpt2Config(5, 4, 2, 1, 4, 0, true)).build();
        model.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(saved)));
        for (Parameter parameter : model.getParameters().values()) {
            float[] values = parameter.getArray().toFloatArray();
            for (int i = 0; i < values.length; i++) {
                assertThat(values[i]).isEqualTo(i * 0.01f);
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.saveParameters(new DataOutputStream(bytes));
        assertThat(bytes.toByteArray()).isEqualTo(saved);
    }

    @Test
    void lastLogitsAreThoseAfterEachSequence() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(3, 9), 1);
        NDArray logits = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        NDArray last = model.lastLogits(store, tokens);
        NDArray mixed = model.lastLogits(store, tokens, 9, 1, 4);
        int[] lengths = {9, 1, 4};
        for (int i = 0; i < lengths.length; i++) {
            assertThat(relativeError(last.get(i), logits.get(i).get(8))).isLessThan(1e-6);
            NDArray exact = logits.get(i).get(lengths[i] - 1);
            assertThat(relativeError(mixed.get(i), exact)).isLessThan(1e-6);
        }
        for (int[] bad : new int[][] {{9, 1}, {9, 1, 0}, {10, 1, 4}}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> model.lastLogits(store, tokens, bad))
                    .withMessageContaining("one for each of 3 sequences, in [1, 9], got ");
        }
    }

    @Test
    void logitsAreProductsOfHiddenStates() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 5), 1);
        NDArray hidden = model.hidden(store, tokens, false);
        assertThat(hidden.getShape()).isEqualTo(new Shape(2, 5, 32));
        NDArray head = model.getParameters().get("wte.weight").getArray().stopGradient();
        NDArray logits = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        assertThat(relativeError(hidden.matMul(head.transpose()), logits)).isLessThan(2e-6);
    }

    @Test
    void aReplacedLayerIsSavedInItsPlace() throws Exception {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        Gpt2 other = initialised(SMALL, Precision.FLOAT32);
        for (Gpt2 each : new Gpt2[] {model, other}) {
            Linear layer = Linear.builder().setUnits(32).build();
            each.replaceLayer(1, layer);
            layer.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 32));
        }
        assertThat(model.getParameters().keys()).contains("h.1.weight", "h.2.ln_1.weight");
        assertThat(model.getChildren().keys()).containsExactly("h.0", "h.1", "h.2");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.saveParameters(new DataOutputStream(bytes));
        byte[] saved = bytes.toByteArray();
        other.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(saved)));
        NDList tokens = new NDList(tokens(SMALL, new Shape(2, 5), 1));
        assertThat(other.forward(store, tokens, false))
                .isEqualTo(model.forward(store, tokens, false));
        Gpt2 plain = initialised(SMALL, Precision.FLOAT32);
        assertThatExceptionOfType(MalformedModelException.class)
                .isThrownBy(
                        () ->
                                plain.loadParameters(
                                        manager,
                                        new DataInputStream(new ByteArrayInputStream(saved))))
                .withMessageContaining("h.1.weight=(32, 32)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.replaceLayer(3, Linear.builder().setUnits(32).build()))
                .withMessage("index must be in [0, layers = 3), got 3");
    }

    @Test
    void badInputIsNamed() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray good = tokens(SMALL, new Shape(2, 16), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good.add(53), good, true))
                .withMessageContaining("tokens must be in [0, 53)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good, good.add(53), false))
                .withMessageContaining("targets must be below 53");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good, good.get(":1"), true))
                .withMessageContaining("(2, 16) and (1, 16)");
        NDArray longer = tokens(SMALL, new Shape(1, 17), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(longer), false))
                .withMessageContaining("at most contextLength = 16 tokens per sequence, got 17");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(good.flatten()), false))
                .withMessageContaining("int64 [batch, length]");
        NDArray floats = manager.zeros(new Shape(2, 16));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(floats), false))
                .withMessageContaining("float32");
        assertThatIllegalArgumentException().isThrownBy(() -> Gpt2.builder().build());
    }

    @Test
    void badConfigurationIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Config(0, 1, 1, 1, 1, 0, true))
                .withMessage("vocabSize must be at least 1, was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Config(1, 1, 1, 3, 4, 0, true))
                .withMessage("width must be a multiple of heads, got width 4, heads 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Gpt2Config.gpt2Small().withDropout(1))
                .withMessage("dropout must be in [0, 1), got 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Gpt2Config.gpt2Small().withDropout(Float.NaN));
    }
}

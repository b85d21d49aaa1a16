package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraTest extends Gpt2Fixture {

    private static final Lora LORA = Lora.of(3, 2, "attn.c_attn", "mlp.c_proj");

    /** With adapters that are not zero any more. */
    private Gpt2 adapted(Gpt2Config config, DataType type, Lora lora) {
        Gpt2 model = perturbed(config, Precision.FLOAT32, type);
        model.adapt(lora);
        for (Parameter adapter : Lora.adapters(model)) {
            NDArray array = adapter.getArray().stopGradient();
            array.addi(manager.randomNormal(0, 0.2f, array.getShape(), type));
        }
        return model;
    }

    private NDArray logits(Gpt2 model, NDArray tokens) {
        return model.forward(store, new NDList(tokens), false).singletonOrThrow();
    }

    @Test
    void theFunctionIsTheSameAtFirstAndAllElseIsFrozen() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        NDArray before = logits(model, tokens);
        model.adapt(LORA);
        assertThat(logits(model, tokens)).isEqualTo(before);
        assertThat(Lora.adapters(model))
                .hasSize(2 * 2 * 3)
                .allMatch(Parameter::requiresGradient)
                .extracting(Parameter::getName)
                .contains("h.0.attn.c_attn.lora_A.weight", "h.2.mlp.c_proj.lora_B.weight");
        assertThat(model.getParameters().values())
                .filteredOn(Parameter::requiresGradient)
                .hasSize(2 * 2 * 3);
        Parameter a = model.getParameters().get("h.0.mlp.c_proj.lora_A.weight");
        float largest = a.getArray().abs().max().getFloat();
        assertThat(a.getArray().getShape()).isEqualTo(new Shape(3, 128));
        assertThat(largest).isBetween(0.9f / (float) Math.sqrt(128), 1 / (float) Math.sqrt(128));
    }

    /** Gradients in A and B follow from that in W + scale B A. */
    @ParameterizedTest
    @CsvSource({"true, false", "false, true"})
    void gradientsAreThoseOfTheMergedWeight(boolean bias, boolean recompute) {
        Gpt2Config config = new Gpt2Config(53, 16, 2, 4, 32, 0, bias);
        Gpt2 model = adapted(config, DataType.FLOAT64, LORA);
        Gpt2 merged = perturbed(config, Precision.FLOAT32, DataType.FLOAT64);
        Map<String, NDArray> arrays = new HashMap<>();
        model.getParameters().forEach(p -> arrays.put(p.getKey(), p.getValue().getArray()));
        for (String name : arrays.keySet()) {
            if (LORA.covers(name)) {
                NDArray a = arrays.get(name.replace("weight", "lora_A.weight"));
                NDArray b = arrays.get(name.replace("weight", "lora_B.weight"));
                NDArray weight = merged.getParameters().get(name).getArray().stopGradient();
                weight.addi(b.stopGradient().matMul(a.stopGradient()).mul(2));
            }
        }
        NDArray tokens = tokens(config, new Shape(2, 9), 1);
        NDArray targets = tokens(config, new Shape(2, 9), 2);
        backwardInDouble(merged, tokens, targets);
        train(model, new NDList(tokens, targets), recompute);
        for (String name : arrays.keySet()) {
            if (LORA.covers(name)) {
                NDArray dw = merged.getParameters().get(name).getArray().getGradient();
                NDArray a = arrays.get(name.replace("weight", "lora_A.weight"));
                NDArray b = arrays.get(name.replace("weight", "lora_B.weight"));
                NDArray da = b.stopGradient().transpose().matMul(dw).mul(2);
                NDArray db = dw.matMul(a.stopGradient().transpose()).mul(2);
                assertThat(relativeError(a.getGradient(), da)).as(name).isLessThan(1e-10);
                assertThat(relativeError(b.getGradient(), db)).as(name).isLessThan(1e-10);
            }
        }
    }

    private void backwardInDouble(Gpt2 model, NDArray tokens, NDArray targets) {
        try (var collector = engine.newGradientCollector()) {
            collector.backward(model.loss(store, tokens, targets, true));
        }
    }

    private void train(Gpt2 gpt2, NDList batch, boolean recompute) {
        try (Model model = Model.newInstance("gpt2", manager.getDevice(), "PyTorch")) {
            model.setBlock(gpt2);
            Device[] devices = {manager.getDevice()};
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            try (Trainer trainer = model.newTrainer(config.optDevices(devices))) {
                new LossGradient(gpt2, trainer, recompute).add(batch, 1);
            }
        }
    }

    @Test
    void mergedIsApplied() {
        Gpt2 model = adapted(SMALL, DataType.FLOAT32, LORA);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        NDArray applied = logits(model, tokens);
        assertThat(relativeError(next(model, tokens), applied.get(":,-1"))).isLessThan(1e-5);
        assertThat(relativeError(model.lastLogits(store, tokens), applied.get(":,-1")))
                .isLessThan(1e-5);
        model.merge();
        assertThat(relativeError(logits(model, tokens), applied)).isLessThan(1e-5);
        assertThat(relativeError(next(model, tokens), applied.get(":,-1"))).isLessThan(1e-5);
        assertThat(model.getParameters().values()).allMatch(Parameter::requiresGradient);
        assertThat(Lora.adapters(model)).isEmpty();
        assertThatIllegalStateException().isThrownBy(model::merge).withMessageContaining("adapt");
        assertThat(relativeError(logits(perturbed(SMALL, Precision.FLOAT32), tokens), applied))
                .isGreaterThan(0.1);
    }

    private NDArray next(Gpt2 model, NDArray tokens) {
        try (KeyValueCache cache = model.newCache(manager, 2, 16)) {
            model.next(store, tokens.get(":,:9"), cache, 0, 1).close();
            return model.next(store, tokens.get(":,9:"), cache, 0, 1);
        }
    }

    @Test
    void theyAreSavedAndLoadedByName(@TempDir Path folder) throws IOException {
        Gpt2 model = adapted(SMALL, DataType.FLOAT32, LORA);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        Path file = folder.resolve("adapters.safetensors");
        Lora.save(model, file);
        assertThat(Files.size(file)).isLessThan(40_000);
        Gpt2 other = perturbed(SMALL, Precision.FLOAT32);
        Lora.load(other, file);
        assertThat(logits(other, tokens)).isEqualTo(logits(model, tokens));
        assertThat(Lora.adapters(other)).allMatch(Parameter::requiresGradient);
        assertThatIllegalStateException()
                .isThrownBy(() -> Lora.load(other, file))
                .withMessageContaining("adapters already");
        Gpt2 deeper = perturbed(new Gpt2Config(53, 16, 4, 4, 32, 0, true), Precision.FLOAT32);
        refused(deeper, file, "is of another model: it has");
        Gpt2 wider = perturbed(new Gpt2Config(53, 16, 3, 4, 64, 0, true), Precision.FLOAT32);
        refused(wider, file, "is of another model: it has h.0.attn.c_attn.lora_A.weight (3, 32)");
        Path foreign = folder.resolve("foreign.safetensors");
        new SafetensorsWriter(Map.of("rank", "3"))
                .add("x", manager.ones(new Shape(2)))
                .write(foreign);
        refused(wider, foreign, "no file of adapters");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 5] ^= 1;
        Files.write(foreign, bytes);
        refused(perturbed(SMALL, Precision.FLOAT32), foreign, "checksum");
        assertThatIllegalStateException()
                .isThrownBy(() -> Lora.save(deeper, file))
                .withMessageContaining("has no adapters");
    }

    private static void refused(Gpt2 model, Path file, String message) {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> Lora.load(model, file))
                .withMessageContaining(message);
        assertThat(Lora.adapters(model)).isEmpty();
        assertThat(model.getParameters().values()).allMatch(Parameter::requiresGradient);
    }

    /** A whole model with its adapters is saved as one, and loaded into one that has them. */
    @Test
    void aModelIsSavedWithThem() throws Exception {
        Gpt2 model = adapted(SMALL, DataType.FLOAT32, LORA);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.saveParameters(new DataOutputStream(bytes));
        Gpt2 other = initialised(SMALL, Precision.FLOAT32);
        other.adapt(LORA);
        other.loadParameters(
                manager, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        NDArray tokens = tokens(SMALL, new Shape(1, 8), 1);
        assertThat(logits(other, tokens)).isEqualTo(logits(model, tokens));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anOptimizerTrainsThemAndNothingElse(boolean muon) {
        Gpt2 gpt2 = perturbed(SMALL, Precision.FLOAT32);
        gpt2.adapt(Lora.of(4, 1));
        ParameterRouting routing = ParameterRouting.of(gpt2);
        assertThat(routing.toTable())
                .containsPattern("h.0.attn.c_attn.lora_A.weight .*hidden matrix\\b")
                .containsPattern("h.0.attn.c_attn.lora_B.weight .*hidden matrices\\b");
        NDArray tokens = tokens(SMALL, new Shape(4, 16), 1);
        Map<String, NDArray> before = new HashMap<>();
        gpt2.getParameters()
                .forEach(p -> before.put(p.getKey(), p.getValue().getArray().duplicate()));
        try (Model model = Model.newInstance("gpt2", manager.getDevice(), "PyTorch");
                StateOf optimizer = new StateOf(muon ? muon(routing) : adamW())) {
            model.setBlock(gpt2);
            Device[] devices = {manager.getDevice()};
            DefaultTrainingConfig config = new DefaultTrainingConfig(new NextTokenLoss());
            try (Trainer trainer =
                    model.newTrainer(
                            config.optDevices(devices).optOptimizer(optimizer.optimizer))) {
                LossGradient gradient = new LossGradient(gpt2, trainer, false);
                double first = gradient.add(new NDList(tokens, tokens), 1);
                double last = first;
                for (int i = 0; i < 40; i++) {
                    OptimizerStep.apply(trainer, optimizer.optimizer, 1);
                    last = gradient.add(new NDList(tokens, tokens), 1);
                }
                assertThat(last).isLessThan(0.9 * first);
            }
        }
        gpt2.getParameters()
                .forEach(
                        p -> {
                            boolean same = p.getValue().getArray().equals(before.get(p.getKey()));
                            assertThat(same).isEqualTo(!p.getKey().contains("lora_"));
                        });
    }

    private record StateOf(Optimizer optimizer) implements AutoCloseable {
        @Override
        public void close() {
            if (optimizer instanceof Muon muon) {
                muon.close();
            } else {
                ((DecoupledAdamW) optimizer).close();
            }
        }
    }

    private static Optimizer muon(ParameterRouting routing) {
        return Muon.builder().optRouting(routing).build();
    }

    private static Optimizer adamW() {
        return DecoupledAdamW.builder().build();
    }

    @Test
    void exportWantsThemMerged(@TempDir Path folder) {
        Gpt2 model = adapted(new Gpt2Config(256, 8, 1, 1, 8, 0, true), DataType.FLOAT32, LORA);
        Path target = folder.resolve("model");
        assertThatExceptionOfType(BadInputException.class)
                .isThrownBy(
                        () ->
                                HuggingFaceGpt2.write(
                                        target,
                                        model,
                                        Tokenization.BYTES.tokenizerFor(""),
                                        DataType.FLOAT32))
                .withMessageContaining("has no [h.0.attn.c_attn.lora_A.weight")
                .withMessageContaining("merge()");
        assertThat(target).doesNotExist();
    }

    @Test
    void whatDoesNotApplyIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Lora.of(0, 1))
                .withMessage("rank must be at least 1, was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Lora.of(1, Double.NaN))
                .withMessageContaining("scale must be positive and finite, was NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Lora.of(1, 1, "attn.c_atn"))
                .withMessageContaining("projections must be of [attn.c_attn, attn.c_proj");
        assertThatIllegalStateException()
                .isThrownBy(() -> adapted(SMALL, DataType.FLOAT32, LORA).adapt(LORA))
                .withMessageContaining("adapters already");
    }
}

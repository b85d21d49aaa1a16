package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.torch.GraphConstants;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class Gpt2BackpropagationTest extends Gpt2Fixture {

    @Override
    Device device() {
        return Device.cpu();
    }

    @ParameterizedTest
    @CsvSource({
        "FLOAT64, 1e-10, true",
        "FLOAT64, 1e-10, false",
        "FLOAT32, 1e-5, true",
        "FLOAT32, 1e-5, false"
    })
    void lossAndGradientsAreThoseOfAutograd(DataType type, double tolerance, boolean bias) {
        agreesWithAutograd(
                new Gpt2Config(53, 16, 3, 4, 32, 0, bias), type, new Shape(3, 13), tolerance);
    }

    /** Chunks of 17, 17 and 15 rows, 17, 17 and 1, or 7. Autograd makes one of so few logits. */
    @ParameterizedTest
    @ValueSource(ints = {7, 5, 1})
    void unevenChunksOfLogitsAddUp(int batch) {
        Gpt2Config config = new Gpt2Config(53, 7, 1, 2, 8, 0, true);
        int limit = 18 * 53 - 1;
        var workspace = new Gpt2Backpropagation.Workspace(config, 7, 7, false, limit);
        assertThat(workspace.shapes()).contains(new Shape(17, 53));
        Gpt2 model = perturbed(config, Precision.FLOAT32, DataType.FLOAT64);
        Gpt2 oracle = perturbed(config, Precision.FLOAT32, DataType.FLOAT64);
        try (Gpt2Backpropagation pass = new Gpt2Backpropagation(model, manager, 7, 7, limit)) {
            agreesWithAutograd(pass, model, oracle, new Shape(batch, 7), 1e-10);
        }
    }

    private void agreesWithAutograd(
            Gpt2Config config, DataType type, Shape shape, double tolerance) {
        Gpt2 model = perturbed(config, Precision.FLOAT32, type);
        Gpt2 oracle = perturbed(config, Precision.FLOAT32, type);
        try (Gpt2Backpropagation pass = backpropagation(model, shape)) {
            agreesWithAutograd(pass, model, oracle, shape, tolerance);
        }
    }

    /** Over two batches with scales of their own. */
    private void agreesWithAutograd(
            Gpt2Backpropagation pass, Gpt2 model, Gpt2 oracle, Shape shape, double tolerance) {
        for (int i = 1; i <= 2; i++) {
            NDArray tokens = tokens(model.getConfig(), shape, i);
            NDArray targets = tokens(model.getConfig(), shape, -i);
            double exact = backward(oracle, tokens, targets, 0.5 * i);
            assertThat(pass.accumulate(store, tokens, targets, 0.5 * i))
                    .isCloseTo(exact, within(tolerance * exact));
            compareGradients(model, oracle, tolerance);
        }
    }

    @Property(tries = 30)
    void anyShapeAgreesWithAutograd(
            @ForAll @IntRange(min = 1, max = 4) int batch,
            @ForAll @IntRange(min = 1, max = 19) int length,
            @ForAll @IntRange(min = 1, max = 3) int layers,
            @ForAll @IntRange(min = 1, max = 3) int heads,
            @ForAll @IntRange(min = 3, max = 9) int headWidth,
            @ForAll @IntRange(min = 2, max = 7) int vocabulary,
            @ForAll boolean bias) {
        open();
        Gpt2Config config =
                new Gpt2Config(vocabulary, 19, layers, heads, heads * headWidth, 0, bias);
        agreesWithAutograd(config, DataType.FLOAT64, new Shape(batch, length), 1e-9);
        close();
    }

    @Test
    void smallerBatchesFit() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        Gpt2 oracle = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        try (Gpt2Backpropagation pass = backpropagation(model, new Shape(3, 16))) {
            for (Shape shape : List.of(new Shape(3, 16), new Shape(2, 5), new Shape(1, 1))) {
                NDArray tokens = tokens(SMALL, shape, 1);
                NDArray targets = tokens(SMALL, shape, 2);
                backward(oracle, tokens, targets, 1);
                pass.accumulate(store, tokens, targets, 1);
                compareGradients(model, oracle, 1e-10);
            }
        }
    }

    @Test
    void passesWithAndWithoutAutogradAddUp() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        Gpt2 oracle = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        try (Gpt2Backpropagation pass = backpropagation(model, tokens.getShape())) {
            backward(model, tokens, tokens, 1);
            pass.accumulate(store, tokens, tokens, 2);
            backward(model, tokens, tokens, 3);
            pass.accumulate(store, tokens, tokens, 4);
        }
        backward(oracle, tokens, tokens, 10);
        compareGradients(model, oracle, 1e-10);
    }

    @Test
    void aScopeAroundItsCreationLeavesTheMemory() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        Gpt2 oracle = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        Gpt2Backpropagation pass;
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            pass = backpropagation(model, tokens.getShape());
            pass.accumulate(store, tokens, tokens, 1);
        }
        pass.accumulate(store, tokens, tokens, 2);
        pass.close();
        backward(oracle, tokens, tokens, 3);
        compareGradients(model, oracle, 1e-10);
    }

    @Test
    void bfloat16AgreesWithItsOwnPrecision() {
        assumeThat(ProductFormat.of(Precision.BFLOAT16, manager.getDevice()))
                .isEqualTo(ProductFormat.ROUNDED);
        Gpt2 model = perturbed(SMALL, Precision.BFLOAT16);
        Gpt2 oracle = perturbed(SMALL, Precision.BFLOAT16);
        NDArray tokens = tokens(SMALL, new Shape(3, 16), 1);
        NDArray targets = tokens(SMALL, new Shape(3, 16), 2);
        try (Gpt2Backpropagation pass = backpropagation(model, tokens.getShape())) {
            double loss = backward(oracle, tokens, targets, 1);
            // The same operands are rounded, so sums differ as in float32, but where that moves one
            // across a boundary between two bfloat16 numbers.
            assertThat(pass.accumulate(store, tokens, targets, 1)).isCloseTo(loss, within(1e-4));
            // Autograd rounds gradients of weights, not those of products.
            compareGradients(model, oracle, 2e-2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void notANumberStaysNotANumber(Precision precision) {
        Gpt2 model = Gpt2.builder().setConfig(SMALL).optPrecision(precision).build();
        assumeThat(Gpt2Backpropagation.supports(model, manager.getDevice())).isTrue();
        model.getParameters()
                .get("h.1.mlp.c_fc.bias")
                .setInitializer((m, shape, type) -> m.full(shape, Float.NaN, type));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 16));
        NDArray tokens = tokens(SMALL, new Shape(1, 4), 1);
        try (Gpt2Backpropagation pass = backpropagation(model, tokens.getShape())) {
            assertThat(pass.accumulate(store, tokens, tokens, 1)).isNaN();
        }
    }

    @ParameterizedTest
    @EnumSource
    void memoryIsFlatAndAsPredicted(Precision precision) {
        Gpt2 model = perturbed(SMALL, precision);
        assumeThat(Gpt2Backpropagation.supports(model, manager.getDevice())).isTrue();
        NDArray tokens = tokens(SMALL, new Shape(2, 5), 1);
        Gpt2Backpropagation pass = backpropagation(model, tokens.getShape());
        // V = 53, L = 3, H = 4, C = 32, N = 10, all rows of logits at a time.
        long rounding = precision == Precision.BFLOAT16 ? 2 * 10 * 32 + 4 * 32 * 32 : 0;
        long numbers = 10 * ((16 * 3 + 8) * 32 + 3 * (4 + 4) + 2) + 10 * 53 + rounding;
        assertThat(Gpt2Backpropagation.bytes(SMALL, precision, DataType.FLOAT32, 2, 5))
                .isEqualTo(4 * numbers)
                .isEqualTo(bytes(pass.manager));
        pass.accumulate(store, tokens, tokens, 1);
        int arrays = pass.manager.getManagedArrays().size();
        int around = manager.getManagedArrays().size();
        for (int i = 0; i < 1000; i++) {
            pass.accumulate(store, tokens, tokens, 1);
        }
        assertThat(pass.manager.getManagedArrays()).hasSize(arrays);
        assertThat(manager.getManagedArrays()).hasSize(around);
        assertThat(bytes(pass.manager)).isEqualTo(4 * numbers);
        pass.close();
        assertThat(pass.manager.isOpen()).isFalse();
    }

    @Test
    void chunksOfLogitsAreEqualInMemoryToo() {
        // 52 million logits are 1034 rows of the published vocabulary: 4096 rows in four parts.
        Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);
        long numbers = 4096L * ((16 * 12 + 8) * 768 + 12 * (12 + 4) + 2) + 1024L * 50257;
        assertThat(Gpt2Backpropagation.bytes(config, Precision.FLOAT32, DataType.FLOAT64, 4, 1024))
                .isEqualTo(8 * numbers);
    }

    private static long bytes(NDManager manager) {
        return manager.getManagedArrays().stream()
                .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                .sum();
    }

    @Test
    void whatDoesNotApplyIsRefused() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        assertThat(Gpt2Backpropagation.supports(model, Device.cpu())).isTrue();
        assertThat(Gpt2Backpropagation.supports(model, Device.gpu())).isFalse();
        Gpt2 dropping = initialised(SMALL.withDropout(0.1f), Precision.FLOAT32);
        assertThat(Gpt2Backpropagation.supports(dropping, Device.cpu())).isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Backpropagation(dropping, manager, 1, 1))
                .withMessageContaining("needs dropout 0, got 0.1");
        Gpt2 frozen = initialised(SMALL, Precision.FLOAT32);
        frozen.getParameters().get("wpe.weight").freeze(true);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Backpropagation(frozen, manager, 1, 1))
                .withMessageContaining("wpe.weight is frozen");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Backpropagation(model, manager, 0, 1))
                .withMessage("batchSize must be at least 1, was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Backpropagation(model, manager, 1, 17))
                .withMessage("length must be in [1, contextLength = 16], got 17");
    }

    /** What a file has brought has no gradient before initialize attaches it. */
    @Test
    void loadedParametersAreSupportedOnceTheyHaveGradients()
            throws IOException, MalformedModelException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        initialised(SMALL, Precision.FLOAT32).saveParameters(new DataOutputStream(bytes));
        Gpt2 loaded = Gpt2.builder().setConfig(SMALL).build();
        assertThat(Gpt2Backpropagation.supports(loaded, Device.cpu())).isFalse();
        loaded.loadParameters(
                manager, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        assertThat(Gpt2Backpropagation.supports(loaded, Device.cpu())).isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Backpropagation(loaded, manager, 2, 4))
                .withMessageContaining("wte.weight has none: initialize the model");
        loaded.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        assertThat(Gpt2Backpropagation.supports(loaded, Device.cpu())).isTrue();
        NDArray tokens = tokens(SMALL, new Shape(2, 4), 1);
        try (Gpt2Backpropagation pass = backpropagation(loaded, tokens.getShape())) {
            assertThat(pass.accumulate(store, tokens, tokens, 1)).isPositive();
        }
    }

    @Test
    void whatIsFrozenLaterIsRefusedBeforeAnythingChanges() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 4), 1);
        Parameter frozen = model.getParameters().get("h.1.mlp.c_fc.weight");
        NDArray wte = model.getParameters().get("wte.weight").getArray();
        try (Gpt2Backpropagation pass = backpropagation(model, tokens.getShape())) {
            pass.accumulate(store, tokens, tokens, 1);
            NDArray before = wte.getGradient().duplicate();
            frozen.freeze(true);
            assertThat(Gpt2Backpropagation.supports(model, Device.cpu())).isFalse();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pass.accumulate(store, tokens, tokens, 1))
                    .withMessageContaining("h.1.mlp.c_fc.weight is frozen");
            assertThat(wte.getGradient()).isEqualTo(before);
            frozen.freeze(false);
            pass.accumulate(store, tokens, tokens, 1);
            assertThat(relativeError(wte.getGradient(), before.mul(2))).isLessThan(1e-6);
        }
    }

    @Test
    void badBatchesAreRefusedBeforeAnythingChanges() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray good = tokens(SMALL, new Shape(2, 4), 1);
        NDArray wte = model.getParameters().get("wte.weight").getArray();
        try (Gpt2Backpropagation pass = backpropagation(model, good.getShape())) {
            pass.accumulate(store, good, good, 1);
            NDArray before = wte.getGradient().duplicate();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pass.accumulate(store, good.add(53), good, 1))
                    .withMessageContaining("tokens must be in [0, 53)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pass.accumulate(store, good, good.get(":1"), 1))
                    .withMessageContaining("(2, 4) and (1, 4)");
            NDArray longer = tokens(SMALL, new Shape(2, 5), 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> pass.accumulate(store, longer, longer, 1))
                    .withMessage("the workspace is for at most (2, 4) tokens, got (2, 5)");
            assertThat(wte.getGradient()).isEqualTo(before);
        }
    }

    private static void compareGradients(Gpt2 actual, Gpt2 exact, double tolerance) {
        List<Parameter> mine = actual.getParameters().values();
        for (int i = 0; i < mine.size(); i++) {
            NDArray expected = exact.getParameters().valueAt(i).getArray().getGradient();
            assertThat(relativeError(mine.get(i).getArray().getGradient(), expected))
                    .as(mine.get(i).getName())
                    .isLessThan(tolerance);
        }
    }

    private Gpt2Backpropagation backpropagation(Gpt2 model, Shape shape) {
        return new Gpt2Backpropagation(model, manager, (int) shape.get(0), (int) shape.get(1));
    }

    private double backward(Gpt2 model, NDArray tokens, NDArray targets, double scale) {
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray loss = model.loss(store, tokens, targets, true);
            collector.backward(GraphConstants.times(loss, scale));
            return loss.toType(DataType.FLOAT64, true).getDouble();
        }
    }
}

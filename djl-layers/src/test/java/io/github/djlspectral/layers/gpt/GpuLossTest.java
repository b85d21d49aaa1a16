package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the loss does on a GPU only, run on a CPU: its branches are taken by force. */
class GpuLossTest extends Gpt2Fixture {

    private static final int WIDTH = 16;

    /** With few numbers of logits, of their widened ones and of a product at a time. */
    private static TorchScript script(ProductFormat format, boolean gpu) {
        String source =
                TorchScript.source(ProductFormat.class, "gpt2.py")
                        .replace("$HEADS", "2")
                        .replace("$DROPOUT", "0")
                        .replace("$BIAS", "1")
                        .replace("$LORA", "0")
                        .replace("$SCALE", "1.")
                        .replace("$BFLOAT16", String.valueOf(format.ordinal()))
                        .replace("52000000", "400")
                        .replace("2000000", "200")
                        .replace("4000000", "100");
        String forced = source.replaceAll("ops\\.prim\\.is_cuda\\(\\w\\)", "True");
        assertThat(forced).isNotEqualTo(source);
        return TorchScript.of("gpt2.py as on a GPU", gpu ? forced : source);
    }

    /** The stream, scale and shift of the last normalisation, and the head. */
    private NDList inputs(int vocabulary, double scale, DataType type) {
        engine.setRandomSeed(vocabulary);
        NDList all =
                new NDList(
                        manager.randomNormal(0, 1, new Shape(3, 9, WIDTH), type),
                        manager.randomNormal(0, (float) scale, new Shape(WIDTH), type),
                        manager.randomNormal(0, 1, new Shape(WIDTH), type),
                        manager.randomNormal(0, 1, new Shape(vocabulary, WIDTH), type));
        all.forEach(array -> array.setRequiresGradient(true));
        return all;
    }

    private NDArray targets(int vocabulary) {
        return manager.randomInteger(0, vocabulary, new Shape(3, 9), DataType.INT64);
    }

    /** The loss, its gradients, and the loss without them. */
    private List<NDArray> results(TorchScript kernels, NDList inputs, NDArray targets) {
        List<NDArray> all = new ArrayList<>();
        NDList head = inputs.subNDList(1);
        NDArray every = manager.create(new Shape(0), DataType.INT64);
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray loss =
                    kernels.callWithGradient(
                                    manager, "loss", inputs.get(0), head, targets.flatten(), every)
                            .singletonOrThrow();
            collector.backward(loss);
            all.add(loss.duplicate());
        }
        takeGradients(inputs, all);
        // Of some rows, as LossGradient does.
        NDArray rows = manager.create(new long[] {1, 2, 7, 20, 26});
        NDArray factor = manager.create(0.5);
        NDArray some = targets.flatten().get(rows);
        Object[] arguments = {inputs.get(0), head, some, rows, factor};
        all.add(
                TorchScript.withAutograd(
                                true,
                                () ->
                                        kernels.callWithGradient(
                                                manager, "backward_of_loss", arguments))
                        .head());
        takeGradients(inputs, all);
        all.add(evaluated(kernels, inputs, targets));
        return all;
    }

    private static void takeGradients(NDList inputs, List<NDArray> all) {
        for (NDArray input : inputs) {
            all.add(input.getGradient().duplicate());
            input.getGradient().subi(input.getGradient());
        }
    }

    private NDArray evaluated(TorchScript kernels, NDList inputs, NDArray targets) {
        NDList head = inputs.subNDList(1);
        NDArray every = manager.create(new Shape(0), DataType.INT64);
        return kernels.call(manager, "evaluate", inputs.get(0), head, targets.flatten(), every)
                .singletonOrThrow();
    }

    /** Sharp distributions, too: the target's probability may be 0 or 1 then. */
    @ParameterizedTest
    @CsvSource({
        "53, 1, EXACT, FLOAT32", "64, 1, EXACT, FLOAT32", "130, 30, EXACT, FLOAT32",
        "53, 30, EXACT, FLOAT64", "53, 1, BFLOAT16, FLOAT32", "130, 30, BFLOAT16, FLOAT32"
    })
    void theLossAndItsGradientsAreThoseOfACpu(
            int vocabulary, double scale, ProductFormat format, DataType type) {
        NDList inputs = inputs(vocabulary, scale, type);
        NDArray targets = targets(vocabulary);
        List<NDArray> expected = results(script(format, false), inputs, targets);
        List<NDArray> actual = results(script(format, true), inputs, targets);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i).getShape()).isEqualTo(expected.get(i).getShape());
            assertThat(relativeError(actual.get(i), expected.get(i))).as("%s", i).isLessThan(1e-6);
        }
    }

    /** Three equal logits: a third, as bfloat16 has it, times the stream's ones. */
    @Test
    void theLogitsGradientIsRoundedAsOperandsAre() {
        NDList inputs = inputs(3, 0, DataType.FLOAT32);
        inputs.get(2).subi(inputs.get(2)).addi(1);
        inputs.get(3).subi(inputs.get(3));
        NDArray targets = manager.zeros(new Shape(3, 9), DataType.INT64);
        for (ProductFormat format : List.of(ProductFormat.EXACT, ProductFormat.ROUNDED)) {
            NDArray dw = results(script(format, false), inputs, targets).get(4);
            float third = format == ProductFormat.EXACT ? 1 / 3f : 0.333984375f;
            assertThat(dw.getFloat(1, 0)).as("%s", format).isCloseTo(third, within(1e-6f));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {53, 64})
    void theGradientsAreDifferenceQuotients(int vocabulary) {
        NDList inputs = inputs(vocabulary, 1, DataType.FLOAT64);
        NDArray targets = targets(vocabulary);
        TorchScript kernels = script(ProductFormat.EXACT, true);
        List<NDArray> results = results(kernels, inputs, targets);
        for (int i = 0; i < inputs.size(); i++) {
            NDArray x = inputs.get(i);
            NDArray step = manager.randomNormal(0, 1e-5f, x.getShape(), DataType.FLOAT64);
            double[] losses = new double[2];
            for (int side = 0; side < 2; side++) {
                NDList moved = new NDList(inputs);
                moved.set(i, x.stopGradient().add(side == 0 ? step.neg() : step));
                losses[side] = evaluated(kernels, moved, targets).getDouble();
            }
            double slope = results.get(i + 1).mul(step).sum().getDouble();
            assertThat((losses[1] - losses[0]) / 2 / slope)
                    .as("%s", i)
                    .isBetween(1 - 1e-6, 1 + 1e-6);
        }
    }
}

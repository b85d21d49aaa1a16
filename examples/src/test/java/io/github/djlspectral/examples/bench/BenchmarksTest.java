package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import io.github.djlspectral.examples.bench.GrowthBenchmark.Point;
import io.github.djlspectral.examples.bench.MemoryProfiler.PolarError;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every benchmark but that of generation, which checks itself, on something small: it runs, and its
 * iterations leave no array behind; and what they are made of.
 */
class BenchmarksTest {

    private static final Gpt2Config TINY = new Gpt2Config(64, 256, 1, 2, 16, 0, true);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Muon",
                "Muon, native Newton-Schulz",
                "Muon, DJL arrays",
                "Freon",
                "Kaon",
                "TruncatedSgd",
                "AdamW",
                "AdamW, DJL"
            })
    void optimizerStep(String contender) {
        for (String weights :
                new String[] {
                    "8x16", "16x8", OptimizerBenchmarks.HIDDEN_MATRICES, "124M, all parameters"
                }) {
            OptimizerBenchmarks.OptimizerStep benchmark = new OptimizerBenchmarks.OptimizerStep();
            benchmark.subject = weights;
            benchmark.contender = contender;
            benchmark.model = TINY;
            assertLeavesNothing(benchmark, benchmark::step);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                Gpt2Benchmarks.FLOAT32,
                Gpt2Benchmarks.BFLOAT16,
                Gpt2Benchmarks.AUTOGRAD,
                Gpt2Benchmarks.BLOCKS,
                Gpt2Benchmarks.STOCK
            })
    void gpt2Step(String contender) {
        for (String work : new String[] {"forward", "backward", "step"}) {
            Gpt2Benchmarks.Gpt2Step benchmark = new Gpt2Benchmarks.Gpt2Step();
            benchmark.subject = "124M, B=4, T=256, " + work;
            benchmark.contender = contender;
            benchmark.config = TINY;
            benchmark.create();
            float before = benchmark.training.loss();
            assertLeavesNothing(benchmark.training::arrays, benchmark::run);
            float after = benchmark.training.loss();
            assertThat(after < before).as(work).isEqualTo(work.equals("step"));
            benchmark.close();
        }
    }

    @Test
    void gpt2Muon() {
        Gpt2Benchmarks.Gpt2Muon benchmark = new Gpt2Benchmarks.Gpt2Muon();
        benchmark.config = TINY;
        assertLeavesNothing(benchmark, benchmark::step);
    }

    @ParameterizedTest
    @ValueSource(strings = {Gpt2Benchmarks.FLOAT32, Gpt2Benchmarks.BFLOAT16})
    void gpt2LayerAndMatrixProduct(String contender) {
        Gpt2Benchmarks.Gpt2Layer layer = new Gpt2Benchmarks.Gpt2Layer();
        layer.contender = contender;
        layer.width = 64;
        assertLeavesNothing(layer, layer::gradients);
        Gpt2Benchmarks.MatrixProduct product = new Gpt2Benchmarks.MatrixProduct();
        product.contender = contender;
        product.side = 16;
        assertLeavesNothing(product, () -> assertThat(product.products()).isFinite().isNotZero());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ours, AdamW",
                "ours, Muon",
                GrowthBenchmark.GRADIENTS,
                GrowthBenchmark.UPDATE
            })
    void growth(String contender) {
        GrowthBenchmark benchmark = new GrowthBenchmark();
        benchmark.subject = "width=64";
        benchmark.contender = contender;
        assertLeavesNothing(benchmark, benchmark::step);
    }

    @ParameterizedTest
    @ValueSource(strings = {"AdamW, whole step", "Muon, whole step"})
    void wholeStep(String contender) {
        OptimizerBenchmarks.WholeStep benchmark = new OptimizerBenchmarks.WholeStep();
        benchmark.contender = contender;
        benchmark.config = TINY;
        assertLeavesNothing(benchmark, benchmark::step);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linear relu",
                "residual fold",
                "residual fold retracted",
                "residual fold cayley",
                "abs fold"
            })
    void fold(String layer) {
        FoldBenchmark benchmark = new FoldBenchmark();
        benchmark.contender = layer;
        assertLeavesNothing(benchmark, benchmark::gradients);
    }

    @ParameterizedTest
    @ValueSource(strings = {"eigh", "svd", "partial fractions"})
    void freonMethod(String method) {
        OptimizerBenchmarks.FreonMethod benchmark = new OptimizerBenchmarks.FreonMethod();
        benchmark.subject = "8x16";
        benchmark.contender = method;
        assertLeavesNothing(benchmark, benchmark::freon);
    }

    private static void assertLeavesNothing(EngineBenchmark benchmark, Runnable invocation) {
        benchmark.create();
        boolean trains = benchmark.training != null;
        assertLeavesNothing(
                () ->
                        trains
                                ? benchmark.training.arrays()
                                : benchmark.manager.getManagedArrays().size(),
                invocation);
        benchmark.close();
    }

    /** Runs twice what creates state, if anything, and once more what then must leave no array. */
    private static void assertLeavesNothing(IntSupplier arrays, Runnable invocation) {
        invocation.run();
        invocation.run();
        int before = arrays.getAsInt();
        invocation.run();
        assertThat(arrays.getAsInt()).isEqualTo(before);
    }

    @Test
    void bothGradientsTrainAlike() {
        // Both round to float32 in another order; AdamW moves small gradients as far as large ones.
        assertThat(lossAfterSteps(gpt2(TINY), false))
                .isCloseTo(lossAfterSteps(gpt2(TINY), true), within(1e-3f));
        assertThat(lossAfterSteps(new ComposedGpt2(TINY, Activation::gelu), true)).isPositive();
    }

    private static Gpt2 gpt2(Gpt2Config config) {
        return Gpt2.builder().setConfig(config).build();
    }

    /** Returns the loss after four steps, which must lower it. */
    private static float lossAfterSteps(Block block, boolean autograd) {
        DecoupledAdamW adamW = DecoupledAdamW.builder().build();
        try (Gpt2Training training =
                new Gpt2Training(block, TINY.vocabSize(), adamW, new Shape(2, 8), autograd)) {
            float before = training.loss();
            for (int step = 0; step < 4; step++) {
                training.step();
            }
            assertThat(training.loss()).isLessThan(before);
            return training.loss();
        }
    }

    @ParameterizedTest
    @CsvSource({"8, 8", "8, 20", "20, 8"})
    void arraysTakeTheStepsOfTheNativeReference(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optMap(SpectralMap.newtonSchulz())
                                .optWeightDecays(0.01f)
                                .build()) {
            Engine.getEngine("PyTorch").setRandomSeed(1);
            NDArray expected = manager.randomNormal(new Shape(rows, columns));
            NDArray weight = expected.duplicate();
            OptimizerBenchmarks.ArrayMuon arrays = new OptimizerBenchmarks.ArrayMuon();
            for (int step = 0; step < 5; step++) {
                NDArray gradient = manager.randomNormal(new Shape(rows, columns));
                muon.update("w", expected, gradient);
                arrays.update("w", weight, gradient);
            }
            // Steps are of 0.02 sqrt(rows / columns) and rounded to float32 in another order.
            assertThat(weight.sub(expected).abs().max().getFloat()).isLessThan(1e-5f);
        }
    }

    @Test
    void polarErrorHasTheNumbersOfTheReferenceGenerator() {
        // SplitMix64 with state 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4.
        assertThat(PolarError.number(0)).isEqualTo(0xe220a8 / (float) (1 << 23) - 1);
        assertThat(PolarError.number(1)).isEqualTo(0x6e789e / (float) (1 << 23) - 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"16x64", "64x16", "32x32"})
    void polarErrorTellsAnAccurateFactorFromFiveSteps(String shape) {
        assertThat(PolarError.of(SpectralMap.polar(), shape)).isLessThan(0.03);
        // The quintic maps most singular values into [0.68, 1.13] and no closer to 1.
        assertThat(PolarError.of(SpectralMap.newtonSchulz(), shape)).isBetween(0.1, 0.35);
        // c = 0 keeps the singular values but for their common factor; the largest stays largest.
        assertThat(PolarError.of(SpectralMap.power(0), shape)).isGreaterThan(0.4);
    }

    @ParameterizedTest
    @CsvSource({
        "width=768, 768, 2, 4, 256",
        "depth=12, 512, 12, 4, 256",
        "batch=1, 512, 2, 1, 256",
        "context=64, 512, 2, 4, 64"
    })
    void aPointOfGrowthChangesOneAxis(String text, int width, int depth, int batch, int context) {
        assertThat(Point.parse(text)).isEqualTo(new Point(width, depth, batch, context));
    }

    @Test
    void aPointOfGrowthHasAHeadForEach64() {
        assertThat(Point.parse("width=1600").config())
                .isEqualTo(new Gpt2Config(8192, 256, 2, 25, 1600, 0, true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"width=0", "width=-1", "heads=2", "width", "width=768,depth=2", ""})
    void aPointOfGrowthIsNothingElse(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Point.parse(text))
                .withMessageContaining("such as width=768, not " + text);
    }

    @Test
    void memoryIsThatOfAllArraysTogether() {
        // C = 64, one head, L = 1, N = 2 x 4, V = 8192
        Point point = new Point(64, 1, 2, 4);
        // 8196 embeddings, 12 C x C matrices and 15 vectors of 64
        long weights = 8196 * 64 + 12 * 64 * 64 + 15 * 64;
        // Of each of 8 tokens: 3 places of the stream and of what is normalised with 2 numbers,
        // 12 C and 1 head in the layer, 6 C of gradients; and 8 rows of logits.
        long workspace = 8 * (3 * (128 + 2) + 768 + 1 + 384) + 8 * 8192;
        long adamW = 4 * weights + workspace + 4 * 8 * 64 + 8_000_000;
        assertThat(point.memory(false)).isEqualTo(4 * adamW);
        // no second moments of hidden matrices, but ten of their squares in passing
        assertThat(point.memory(true)).isEqualTo(4 * (adamW - 12 * 64 * 64 + 10 * 64 * 64));
    }

    @Test
    void memoryHasTheWeightsOfTheModel() {
        Point larger = new Point(128, 3, 1, 16);
        long elements =
                gpt2(larger.config()).getParameters().values().stream()
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        assertThat(larger.weights()).isEqualTo(elements);
    }
}

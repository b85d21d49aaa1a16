package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.Freon;
import java.util.List;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every benchmark but that of generation, which checks itself, on something small: it runs, and its
 * iterations leave no array behind.
 */
class BenchmarksTest {

    private static final Gpt2Config TINY = new Gpt2Config(64, 256, 1, 2, 16, 0, true);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "8x16",
                "16x8",
                OptimizerStepBenchmark.HIDDEN_MATRICES,
                "124M, all parameters"
            })
    void optimizerStep(String weights) {
        OptimizerStepBenchmark benchmark = new OptimizerStepBenchmark();
        benchmark.weights = weights;
        benchmark.model = TINY;
        benchmark.create();
        for (Runnable step :
                List.<Runnable>of(
                        benchmark::muonInDjlArrays,
                        benchmark::freon,
                        benchmark::kaon,
                        benchmark::truncatedSgd,
                        benchmark::adamW,
                        benchmark::stockAdamW,
                        benchmark::muonNewtonSchulz,
                        benchmark::muon)) {
            assertLeavesNothing(benchmark.manager, step);
        }
        benchmark.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ours, float32",
                "ours, bfloat16",
                "ours by autograd, float32",
                Gpt2StepBenchmark.BLOCKS,
                Gpt2StepBenchmark.STOCK
            })
    void gpt2Step(String contender) {
        Gpt2StepBenchmark benchmark = new Gpt2StepBenchmark();
        benchmark.contender = contender;
        benchmark.config = TINY;
        benchmark.create();
        float before = benchmark.forward();
        assertLeavesNothing(benchmark.training, benchmark::gradients);
        assertLeavesNothing(benchmark.training, benchmark::step);
        assertLeavesNothing(benchmark.training, benchmark::forward);
        // Steps on their own batch at AdamW's default rate.
        assertThat(benchmark.forward()).isLessThan(before);
        benchmark.close();
    }

    @Test
    void gpt2Muon() {
        Gpt2MuonBenchmark benchmark = new Gpt2MuonBenchmark();
        benchmark.config = TINY;
        benchmark.create();
        assertLeavesNothing(benchmark.training, benchmark::step);
        benchmark.close();
    }

    @ParameterizedTest
    @EnumSource
    void gpt2Layer(Precision precision) {
        Gpt2LayerBenchmark benchmark = new Gpt2LayerBenchmark();
        benchmark.precision = precision;
        benchmark.width = 64;
        benchmark.create();
        assertLeavesNothing(benchmark.training, benchmark::gradients);
        benchmark.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"AdamW", "Muon"})
    void growth(String optimizer) {
        GrowthBenchmark benchmark = new GrowthBenchmark();
        benchmark.point = "width=64";
        benchmark.optimizer = optimizer;
        benchmark.create();
        assertLeavesNothing(benchmark.training, benchmark::step);
        benchmark.close();
    }

    @Test
    void gradientGrowth() {
        GradientGrowthBenchmark benchmark = new GradientGrowthBenchmark();
        benchmark.point = "context=4";
        benchmark.create();
        assertLeavesNothing(benchmark.training, benchmark::gradients);
        benchmark.close();
    }

    @Test
    void muonGrowth() {
        MuonGrowthBenchmark benchmark = new MuonGrowthBenchmark();
        benchmark.point = "width=64";
        benchmark.create();
        assertLeavesNothing(benchmark.manager, benchmark::update);
        benchmark.close();
    }

    @ParameterizedTest
    @EnumSource
    void fold(FoldBenchmark.Layer layer) {
        FoldBenchmark benchmark = new FoldBenchmark();
        benchmark.layer = layer;
        benchmark.create();
        assertLeavesNothing(benchmark.manager, benchmark::gradients);
        benchmark.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"EIGH", "SVD"})
    void freonMethod(Freon.Method method) {
        FreonMethodBenchmark benchmark = new FreonMethodBenchmark();
        benchmark.shape = "8x16";
        benchmark.method = method;
        benchmark.create();
        assertLeavesNothing(benchmark.manager, benchmark::freon);
        benchmark.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"float32", "bfloat16"})
    void matrixProduct(String format) {
        MatrixProductBenchmark benchmark = new MatrixProductBenchmark();
        benchmark.format = format;
        benchmark.side = 16;
        benchmark.create();
        assertThat(benchmark.products()).isFinite().isNotZero();
        assertLeavesNothing(benchmark.manager, benchmark::products);
        benchmark.close();
    }

    private static void assertLeavesNothing(NDManager manager, Runnable invocation) {
        assertLeavesNothing(() -> manager.getManagedArrays().size(), invocation);
    }

    private static void assertLeavesNothing(Gpt2Training training, Runnable invocation) {
        assertLeavesNothing(training::arrays, invocation);
    }

    /** Runs twice what creates state, if anything, and once more what then must leave no array. */
    private static void assertLeavesNothing(IntSupplier arrays, Runnable invocation) {
        invocation.run();
        invocation.run();
        int before = arrays.getAsInt();
        invocation.run();
        assertThat(arrays.getAsInt()).isEqualTo(before);
    }
}

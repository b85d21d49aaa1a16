package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.bench.Gpt2Task.Point;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Suite.Kind;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.examples.bench.Trial.Task;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openjdk.jmh.results.Result;

/** What is measured, on something small, and what it is made of. */
class TaskTest {

    private static final Gpt2Config TINY = new Gpt2Config(64, 256, 1, 2, 16, 0, true);
    private static final int MEBIBYTES = 256;

    /** Every contender but that of generation, which checks itself. */
    @ParameterizedTest
    @MethodSource("small")
    void everyContenderRunsAndLeavesNoArrayBehind(Key key, Task task) {
        task.model = TINY;
        if (task instanceof Gpt2Task gpt2) {
            gpt2.layerWidth = 64;
        } else if (task instanceof ModelTasks.MatrixProduct product) {
            product.side = 16;
        }
        task.create(key);
        task.work.run(); // the first two create state, if anything
        task.work.run();
        int before = arrays(task);
        task.work.run();
        assertThat(arrays(task)).isEqualTo(before);
        task.close();
    }

    private static Stream<Object[]> small() {
        return Kind.ALL.stream()
                .filter(kind -> !kind.name().equals("Generation"))
                .flatMap(
                        kind ->
                                kind.keys().stream()
                                        .map(TaskTest::small)
                                        .distinct()
                                        .map(k -> new Object[] {k, kind.task()}));
    }

    private static Key small(Key key) {
        String small =
                key.subject()
                        .replaceAll("^(768x3072|\\d+x64|256x1024)$", "8x16")
                        .replaceAll("^\\d\\d+x\\d\\d+$", "16x8")
                        .replaceAll("^(width|depth|batch|context)=.*", "width=64")
                        .replaceAll("^3 x .*", key.contender().equals("Muon") ? "$0" : "8x16");
        return new Key(key.suite(), small, key.contender());
    }

    private static int arrays(Task task) {
        return task instanceof Gpt2Task gpt2
                ? gpt2.gpt.getNDManager().getManagedArrays().size()
                        + gpt2.trainer.getManager().getManagedArrays().size()
                : task.manager.getManagedArrays().size();
    }

    /** Both gradients round to float32 in another order, which AdamW makes much of. */
    @Test
    void allTrainAlike() {
        float ours = lossAfterSteps("ours, float32");
        assertThat(lossAfterSteps("ours by autograd, float32")).isCloseTo(ours, within(1e-3f));
        assertThat(lossAfterSteps("ours, bfloat16"))
                .isCloseTo(ours, within(0.05f))
                .isNotEqualTo(ours);
        assertThat(lossAfterSteps("ours, float32, Muon")).isNotEqualTo(ours);
        float blocks = lossAfterSteps("DJL blocks");
        assertThat(lossAfterSteps("DJL blocks, DJL AdamW")).isNotEqualTo(blocks);
    }

    /** Returns the loss after four steps, which must lower it; the gradients alone do not. */
    private static float lossAfterSteps(String contender) {
        Gpt2Task training = new Gpt2Task();
        training.train(TINY, contender, 2, 8);
        float before = training.loss();
        training.gradients();
        assertThat(training.loss()).isEqualTo(before);
        for (int step = 0; step < 4; step++) {
            training.step(1);
        }
        float after = training.loss();
        assertThat(after).isLessThan(before);
        training.finish();
        return after;
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
            OptimizerTask.ArrayMuon arrays = new OptimizerTask.ArrayMuon();
            for (int step = 0; step < 5; step++) {
                NDArray gradient = manager.randomNormal(new Shape(rows, columns));
                muon.update("w", expected, gradient);
                arrays.update("w", weight, gradient);
            }
            // Steps are of 0.02 sqrt(rows / columns) and rounded to float32 in another order.
            assertThat(weight.sub(expected).abs().max().getFloat()).isLessThan(1e-5f);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"16x64", "64x16", "32x32"})
    void polarErrorTellsAnAccurateFactorFromFiveSteps(String shape) {
        // SplitMix64 with state 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4.
        assertThat(OptimizerTask.number(0)).isEqualTo(0xe220a8 / (float) (1 << 23) - 1);
        assertThat(OptimizerTask.number(1)).isEqualTo(0x6e789e / (float) (1 << 23) - 1);
        assertThat(OptimizerTask.polarError(SpectralMap.polar(), shape)).isLessThan(0.03);
        // The quintic maps most singular values into [0.68, 1.13] and no closer to 1.
        assertThat(OptimizerTask.polarError(SpectralMap.newtonSchulz(), shape))
                .isBetween(0.1, 0.35);
        // c = 0 keeps the singular values but for their common factor; the largest stays largest.
        assertThat(OptimizerTask.polarError(SpectralMap.power(0), shape)).isGreaterThan(0.4);
    }

    @ParameterizedTest
    @CsvSource({
        "width=768, 768, 2, 4, 256",
        "depth=12, 512, 12, 4, 256",
        "batch=1, 512, 2, 1, 256",
        "context=64, 512, 2, 4, 64"
    })
    void aPointOfGrowthChangesOneAxis(String text, int width, int depth, int batch, int context) {
        Point point = Point.parse(text);
        assertThat(point).isEqualTo(new Point(width, depth, batch, context));
        int heads = width / 64;
        assertThat(point.config())
                .isEqualTo(new Gpt2Config(8192, context, depth, heads, width, 0, true));
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
        // 12 C and 1 head in the layer, 10 C of gradients; 8 rows of logits; a weight's gradient.
        long passes = 8 * (3 * (128 + 2) + 768 + 1 + 640) + 8 * 8192 + 4 * 64 * 64;
        Gpt2 gpt2 = Gpt2.builder().setConfig(point.config()).build();
        assertThat(gpt2.getParameters().values().stream().mapToLong(p -> p.getShape().size()).sum())
                .isEqualTo(weights);
        long adamW = 4 * weights + passes + 8_000_000;
        assertThat(point.memory(false)).isEqualTo(4 * adamW);
        // no second moments of hidden matrices, but ten of their squares in passing
        assertThat(point.memory(true)).isEqualTo(4 * (adamW - 12 * 64 * 64 + 10 * 64 * 64));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theProfilerSeesABlockThatIsFreedAgainUnlessThePeakWasNoted() throws IOException {
        double bytes = MEBIBYTES * 1024.0 * 1024;
        // The system counts pages in batches, and the virtual machine takes some of its own.
        assertThat(own(false)).isBetween(0.98 * bytes, 1.25 * bytes);
        assertThat(own(true)).isLessThan(0.25 * bytes);
    }

    private static double own(boolean noted) throws IOException {
        new OptimizerTask().start().close();
        Path switches = Path.of("/proc/self/clear_refs");
        assumeTrue(Files.isWritable(switches), "the system forgets no peak");
        Files.writeString(switches, "5"); // other tests have driven the peak up
        if (noted) {
            MemoryProfiler.notePeak();
        }
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray block = manager.ones(new Shape(MEBIBYTES, 1024, 1024 / Float.BYTES));
            assertThat(block.getFloat(MEBIBYTES - 1, 1023, 255)).isOne();
        }
        return measured().get(MemoryProfiler.PEAK) - measured().get(MemoryProfiler.BASE);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theProfilerPassesOnWhatATaskSaysUntilTheNextBegins() {
        new OptimizerTask().start().close();
        MemoryProfiler.tell(MemoryProfiler.PREDICTED, 1000);
        assertThat(measured()).containsEntry(MemoryProfiler.PREDICTED, 1000.0);
        new OptimizerTask().start().close();
        assertThat(measured()).containsOnlyKeys(MemoryProfiler.PEAK, MemoryProfiler.BASE);
    }

    private static Map<String, Double> measured() {
        return new MemoryProfiler()
                .afterIteration(null, null, null).stream()
                        .collect(Collectors.toMap(Result::getLabel, Result::getScore));
    }
}

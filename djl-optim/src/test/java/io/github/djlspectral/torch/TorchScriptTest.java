package io.github.djlspectral.torch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import ai.djl.util.passthrough.PassthroughNDManager;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TorchScriptTest {

    private static final TorchScript BRIDGE =
            TorchScript.ofResources(TorchScriptTest.class, Map.of("SCALE", 2.0), "bridge.py");

    @Test
    void gradientsFlowThroughAndTheUpdateRunsInsideACollector() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray w = manager.create(new float[] {1, 2});
            w.setRequiresGradient(true);
            w.setName("h.0.w");
            NDArray x = manager.create(new float[] {3, 4});
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                NDArray total =
                        BRIDGE.callWithGradient(manager, "total", new NDList(x, x, x), w)
                                .singletonOrThrow();
                assertThat(total.getFloat()).isEqualTo(14 + 2 * 11);
                collector.backward(total);
                assertThat(w.getGradient().toFloatArray()).containsExactly(6, 8);
                assertThat(BRIDGE.callDouble(manager, "descend", w, 0.5)).isEqualTo(10);
            }
            assertThat(w.toFloatArray()).containsExactly(-2, -2);
            assertThat(w.getGradient().toFloatArray()).containsExactly(0, 0);
            assertThat(w.getName()).isEqualTo("h.0.w");
        }
    }

    @Test
    void gradientsPassThroughBfloat16InEveryCall() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray w = manager.create(new float[] {1, 2}, new Shape(1, 2));
            w.setRequiresGradient(true);
            NDArray x = manager.create(new float[] {3, 4}, new Shape(1, 2));
            // The graph optimizer would step in at the third call, and forget the casts.
            for (int i = 1; i <= 4; i++) {
                try (GradientCollector collector =
                        Engine.getEngine("PyTorch").newGradientCollector()) {
                    NDArray y =
                            BRIDGE.callWithGradient(manager, "add_rounded_product", x, w)
                                    .singletonOrThrow();
                    assertThat(y.toFloatArray()).containsExactly(14, 15);
                    collector.backward(y.sum());
                }
                assertThat(w.getGradient().toFloatArray()).containsExactly(6 * i, 8 * i);
            }
        }
    }

    @Test
    void runsOnManyThreadsAtOnce() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TorchScript fresh =
                    TorchScript.ofResources(
                            TorchScriptTest.class, Map.of("SCALE", 2.0), "bridge.py");
            NDArray x = manager.create(new float[] {1, 2, 3});
            List<CompletableFuture<float[]>> calls =
                    IntStream.range(0, 64)
                            .mapToObj(
                                    i ->
                                            CompletableFuture.supplyAsync(
                                                    () -> scaled(fresh, manager, x, i)))
                            .toList();
            for (int i = 0; i < calls.size(); i++) {
                assertThat(calls.get(i).join()).containsExactly(i, 4 * i, 9 * i);
            }
        }
    }

    private static float[] scaled(TorchScript script, NDManager manager, NDArray x, double factor) {
        try (NDList result = script.call(manager, "scaled", x, factor)) {
            return result.singletonOrThrow().toFloatArray();
        }
    }

    @Test
    void anotherEngineAndOtherArgumentsAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BRIDGE.call(PassthroughNDManager.INSTANCE, "scaled"))
                .withMessageContaining("needs the PyTorch engine")
                .withMessageContaining("PassthroughNDManager");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> BRIDGE.call(manager, "scaled", 'x', 2.0))
                    .withMessageContaining("scaled")
                    .withMessageContaining("java.lang.Character");
            NDArray x = manager.create(new float[] {1});
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> BRIDGE.callWithGradient(manager, "scaled", x, 2.0))
                    .withMessageContaining("java.lang.Double");
            assertThatThrownBy(() -> BRIDGE.call(manager, "missing", x))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining("missing");
        }
        assertThatThrownBy(() -> TorchScript.ofResources(TorchScriptTest.class, "none.py"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("none.py");
    }

    /** In a process that may use one processor, whatever the machine has. */
    @ParameterizedTest
    @CsvSource({"any=0, 1", "ai.djl.pytorch.num_threads=3, 3"})
    void threadsFitTheProcessorsUnlessChosen(String property, String threads) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:ActiveProcessorCount=1", "-D" + property));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(Threads.class.getName());
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(Redirect.INHERIT);
        builder.environment().keySet().removeAll(Set.of("OMP_NUM_THREADS", "MKL_NUM_THREADS"));
        Process child = builder.start();
        assertThat(child.getInputStream()).asString(UTF_8).isEqualTo(threads);
        assertThat(child.waitFor()).isZero();
    }

    /** Prints how many threads PyTorch takes for an operation. */
    static final class Threads {

        private Threads() {}

        public static void main(String[] arguments) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                BRIDGE.call(manager, "scaled", manager.ones(new Shape(2)), 0.5);
                System.out.print(JniUtils.getNumThreads());
            }
        }
    }
}

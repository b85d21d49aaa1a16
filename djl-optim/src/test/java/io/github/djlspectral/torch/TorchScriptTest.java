package io.github.djlspectral.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TorchScriptTest {

    private static final TorchScript BRIDGE =
            TorchScript.ofResource(TorchScriptTest.class, "bridge.py", Map.of("SCALE", 2.0));

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
}

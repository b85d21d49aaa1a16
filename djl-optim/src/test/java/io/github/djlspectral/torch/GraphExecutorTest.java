package io.github.djlspectral.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.GradientCollector;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Our calls switch the graph optimizer off, for the thread; models of others must find it as it
 * was. It cannot be asked, but it shows: the optimizer forgets casts to bfloat16 when it
 * differentiates, so that the second backward pass of such a function fails.
 */
class GraphExecutorTest {

    private static final String PROPERTY = "ai.djl.pytorch.graph_optimizer";
    private static final TorchScript BRIDGE =
            TorchScript.ofResources(GraphExecutorTest.class, Map.of("SCALE", 2.0), "bridge.py");

    private PtNDManager manager;
    private NDArray x;

    @BeforeEach
    void open() {
        manager = (PtNDManager) NDManager.newBaseManager("PyTorch");
        x = manager.create(new float[] {3, 4}, new Shape(1, 2));
        JniUtils.setGraphExecutorOptimize(true);
    }

    @AfterEach
    void close() {
        System.clearProperty(PROPERTY);
        JniUtils.setGraphExecutorOptimize(true);
        manager.close();
    }

    @Test
    void callsLeaveTheGraphOptimizerOnForOthers() throws IOException {
        assertThat(isOptimizing()).isTrue();
        BRIDGE.call(manager, "scaled", x, 2.0);
        assertThat(isOptimizing()).isTrue();
        BRIDGE.callWithGradient(manager, "add_rounded_product", x, x);
        assertThat(isOptimizing()).isTrue();
        assertThatThrownBy(() -> BRIDGE.call(manager, "missing", x))
                .isInstanceOf(EngineException.class);
        assertThat(isOptimizing()).isTrue();
    }

    @Test
    void callsLeaveItOffWhereTheUserSwitchedItOff() throws IOException {
        System.setProperty(PROPERTY, "false");
        BRIDGE.call(manager, "scaled", x, 2.0);
        assertThat(isOptimizing()).isFalse();
    }

    /** Differentiates a function that casts, as a model of a user's own would run. */
    private boolean isOptimizing() throws IOException {
        NDArray w = manager.create(new float[] {1, 2}, new Shape(1, 2));
        w.setRequiresGradient(true);
        NDArray first = x.duplicate();
        first.setName("module_method:add_rounded_product");
        try (PtSymbolBlock module = othersModule()) {
            for (int i = 1; i <= 3; i++) {
                try (GradientCollector collector =
                        Engine.getEngine("PyTorch").newGradientCollector()) {
                    NDList y = IValueUtils.forward(module, new NDList(first, x, w), true);
                    collector.backward(y.singletonOrThrow().sum());
                } catch (EngineException e) {
                    assertThat(e).hasMessageContaining("BFloat16");
                    return true;
                }
            }
        }
        return false;
    }

    private PtSymbolBlock othersModule() throws IOException {
        try (InputStream in = GraphExecutorTest.class.getResourceAsStream("bridge.py")) {
            String source = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            byte[] archive = TorchScriptArchive.pack(source.replace("$SCALE", "2.0"));
            return JniUtils.loadModule(manager, new ByteArrayInputStream(archive), true, false);
        }
    }
}

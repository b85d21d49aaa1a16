package io.github.djlspectral.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.layers.flow.Drift;
import io.github.djlspectral.layers.flow.FlowPath;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.isometry.IsometryListener;
import io.github.djlspectral.layers.isometry.IsometryProbe;
import io.github.djlspectral.layers.isometry.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.PlainLayers;
import io.github.djlspectral.layers.isometry.ResidualFold;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The snippets of the module's guide, which are cut out of this file. */
class GuideTest {

    private NDManager manager;
    private ParameterStore store;

    @BeforeEach
    void open() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        manager = NDManager.newBaseManager("PyTorch");
        store = new ParameterStore(manager, false);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void gpt2() {
        NDArray tokens = manager.arange(24).toType(DataType.INT64, false).reshape(2, 12);
        NDArray targets = tokens.add(1);
        // snippet: gpt2
        // tokens, context, layers, heads, width, dropout, biases; or Gpt2Config.gpt2Small()
        Gpt2Config config = new Gpt2Config(65, 64, 4, 4, 128, 0, false);
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build(); // [B, T] -> [B, T, V]
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, 64));
        Gpt2Backpropagation gradient = new Gpt2Backpropagation(gpt2, manager, 2, 12);
        double loss = gradient.accumulate(store, tokens, targets, 1); // then trainer.step()
        // end
        gradient.close();
        assertThat(loss).isCloseTo(Math.log(65), within(0.3));
        assertThat(gpt2.forward(store, new NDList(tokens), false).get(0).getShape())
                .isEqualTo(new Shape(2, 12, 65));
    }

    @Test
    void isometricNetwork() {
        NDArray images = manager.randomNormal(new Shape(4, 64));
        NDArray point = images.get(0);
        // snippet: isometry
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < 200; i++) { // x - 2 W^T relu(W x + b), W orthonormal, kept so
            network.add(ResidualFold.builder().setWidth(64).build());
        }
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 64));
        NDArray s = JacobianSpectrum.singularValues(network, manager, point); // all 1.0000

        IsometryProbe probe = IsometryProbe.builder().setInputs(images).build();
        IsometryListener listener = // spectrum, gradients by layer, shattering, in training
                IsometryListener.builder().setProbe(probe).optEvery(100).build();
        Block plain = PlainLayers.of(network, manager); // DJL's own layers, same outputs
        // end
        assertThat(s.max().getFloat()).isCloseTo(1, within(1e-4f));
        assertThat(s.min().getFloat()).isCloseTo(1, within(1e-4f));
        assertThat(listener.entries()).isEmpty();
        NDArray ours = network.forward(store, new NDList(images), false).get(0);
        NDArray same = plain.forward(store, new NDList(images), false).get(0);
        assertThat(same.sub(ours).abs().max().getFloat()).isLessThan(1e-3f);
    }

    @Test
    void attentionFlow() {
        NDArray tokens = manager.randomNormal(new Shape(2, 16, 32));
        tokens = tokens.div(tokens.norm(new int[] {2}, true));
        // snippet: flow
        AttentionFlow flow = // [B, n, 32] -> [B, n, 32]
                AttentionFlow.builder()
                        .setDimension(32)
                        .setHeads(4)
                        .setSteps(4)
                        .setStepSize(0.5)
                        .build();
        flow.initialize(manager, DataType.FLOAT32, tokens.getShape());
        List<FlowPath> paths = flow.paths(store, tokens); // energy, dissipation, their balance
        // end
        assertThat(paths).hasSize(2);
        assertThat(paths.get(0).residual()).isNotEmpty();
    }

    @Test
    void flowSimulator() {
        NDArray tokens = manager.randomNormal(0, 1, new Shape(24, 3), DataType.FLOAT64);
        tokens = tokens.div(tokens.norm(new int[] {1}, true));
        NDArray weights = manager.randomNormal(0, 1, new Shape(4, 3, 3), DataType.FLOAT64);
        weights = weights.add(weights.transpose(0, 2, 1));
        // snippet: simulator
        FlowRecord record =
                FlowSimulator.builder()
                        .setTokens(tokens) // [n, d], unit vectors
                        .setWeights(weights) // [H, d, d], symmetric
                        .setDrift(Drift.oscillating())
                        .setStepSize(5e-3)
                        .setSteps(400)
                        .build()
                        .run();
        double[] energy = record.energy();
        // end
        assertThat(energy).isNotEmpty().doesNotContain(Double.NaN);
    }
}

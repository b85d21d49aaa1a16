package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.ImageJacobian.flat;
import static io.github.djlspectral.layers.isometry.ImageJacobian.point;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.decaying;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviation;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.forward;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.step;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.tolerance;
import static io.github.djlspectral.layers.isometry.KernelLayers.fold;
import static io.github.djlspectral.layers.isometry.KernelLayers.layers;
import static io.github.djlspectral.layers.isometry.KernelLayers.linear;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.Trainer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers with orthogonal kernels in training, exported, saved and in memory. */
class KernelLayerLifeTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    /** Thirty steps of an optimizer, with weight decay. */
    @ParameterizedTest
    @EnumSource(value = Parametrization.class, mode = EnumSource.Mode.EXCLUDE, names = "INITIAL")
    void stayOrthogonalUnderMuonAndAdamW(Parametrization way) {
        for (boolean spectral : new boolean[] {true, false}) {
            SequentialBlock network = new SequentialBlock();
            network.add(linear(4, 4, 3).optParametrization(way).build());
            network.add(fold(4, 3).optInitialBias(0).optParametrization(way).build());
            network.add(fold(4, 2).optStride(2).optParametrization(way).build());
            network.add(linear(4, 8, 2).optStride(2).optParametrization(way).build());
            try (Model model = Model.newInstance("convolutions", "PyTorch")) {
                model.setBlock(network);
                try (Trainer trainer = model.newTrainer(decaying(spectral))) {
                    trainer.initialize(new Shape(1, 4, 6, 6));
                    checkTraining(trainer, network, model.getNDManager());
                }
            }
        }
    }

    private static void checkTraining(Trainer trainer, SequentialBlock network, NDManager manager) {
        NDArray x = manager.randomNormal(new Shape(16, 4, 6, 6));
        NDArray goal = manager.randomNormal(new Shape(16, 8, 3, 3)).mul(0.1f);
        List<float[]> kernels = new ArrayList<>();
        network.getChildren()
                .forEach(c -> kernels.add(kernel(c.getValue(), manager).toFloatArray()));
        double first = step(trainer, x, goal);
        double last = first;
        for (int i = 0; i < 30; i++) {
            last = step(trainer, x, goal);
        }
        assertThat(last).isLessThan(first);
        for (int i = 0; i < 4; i++) {
            Block layer = network.getChildren().get(i).getValue();
            float[] kernel = kernel(layer, manager).toFloatArray();
            assertThat(distance(kernel, kernels.get(i))).isGreaterThan(0.01);
            Block flat = flat(layer, manager, DataType.FLOAT32, new Shape(4, 6, 6));
            NDArray point = manager.randomNormal(new Shape(144));
            assertThat(deviation(flat, manager, point))
                    .isLessThan(tolerance(DataType.FLOAT32, 144));
        }
    }

    private static NDArray kernel(Block layer, NDManager manager) {
        return ((KernelLayer) layer).effectiveKernel(manager);
    }

    private static double distance(float[] a, float[] b) {
        double squares = 0;
        for (int i = 0; i < a.length; i++) {
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(squares);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 6})
    void materialisedTheyGiveTheSame(int c) {
        for (KernelLayer layer : layers(c)) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                NDArray x = manager.randomNormal(new Shape(4, c, 8, 6));
                layer.initialize(manager, DataType.FLOAT32, x.getShape());
                NDArray expected = forward(layer, x);
                Block free = layer.materialise(manager);
                NDArray outputs = forward(free, x);
                assertThat(outputs.getShape()).isEqualTo(expected.getShape());
                assertThat(free.getOutputShapes(new Shape[] {x.getShape()})[0])
                        .isEqualTo(expected.getShape());
                assertThat(outputs.sub(expected).abs().max().getFloat()).isLessThan(1e-5f);
                // its own arrays
                layer.getParameters().forEach(p -> p.getValue().getArray().muli(0));
                assertThat(forward(free, x)).isEqualTo(outputs);
            }
        }
    }

    /** Odd sides, where the last places of the kernel leave pixels over. */
    @Test
    void materialisedStridesReachAsFar() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int stride = 1; stride < 5; stride++) {
                ConvolutionFold layer = fold(3, 3).optStride(stride).build();
                NDArray x = manager.randomNormal(new Shape(2, 3, 8, 7));
                layer.initialize(manager, DataType.FLOAT32, x.getShape());
                NDArray difference =
                        forward(layer.materialise(manager), x).sub(forward(layer, x)).abs();
                assertThat(difference.max().getFloat()).isLessThan(1e-5f);
            }
        }
    }

    @Test
    void savedAndLoadedTheyGiveTheSame() throws IOException, MalformedModelException {
        for (int i = 0; i < layers(4).size(); i++) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                NDArray x = manager.randomNormal(new Shape(2, 4, 6, 6));
                KernelLayer layer = layers(4).get(i);
                layer.initialize(manager, DataType.FLOAT32, x.getShape());
                KernelLayer copy = layers(4).get(i);
                load(copy, save(layer), manager);
                assertThat(forward(copy, x)).isEqualTo(forward(layer, x));

                KernelLayer other = layers(4).get(i);
                other.initialize(manager, DataType.FLOAT32, x.getShape());
                Block free = other.materialise(manager);
                load(free, save(layer.materialise(manager)), manager);
                assertThat(forward(free, x)).isEqualTo(forward(layer.materialise(manager), x));
            }
        }
    }

    private static byte[] save(Block block) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        block.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static void load(Block block, byte[] bytes, NDManager manager)
            throws IOException, MalformedModelException {
        block.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    @Test
    void nothingIsLeftBehind() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.randomNormal(new Shape(2, 4, 6, 6));
            for (KernelLayer layer : layers(4)) {
                layer.initialize(manager, DataType.FLOAT32, x.getShape());
                forward(layer, x).close();
                int before = manager.getManagedArrays().size();
                for (int i = 0; i < 20; i++) {
                    forward(layer, x).close();
                }
                assertThat(manager.getManagedArrays()).as(layer.toString()).hasSize(before);
            }
        }
    }
}

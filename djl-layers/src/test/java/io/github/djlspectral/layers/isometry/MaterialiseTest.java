package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MaterialiseTest {

    private static final int WIDTH = 16;

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static Map<String, Block> layers() {
        Map<String, Block> layers = new LinkedHashMap<>(IsometryCatalogue.layers(WIDTH));
        for (Persistence persistence : Persistence.values()) {
            layers.put(
                    persistence.name(),
                    PersistentFold.builder()
                            .setWidth(WIDTH)
                            .setDirections(3)
                            .optPersistence(persistence)
                            .build());
        }
        layers.put(
                "1-Lipschitz",
                PersistentFold.builder()
                        .setWidth(WIDTH)
                        .setDirections(3)
                        .optLipschitz(true)
                        .optParametrization(Parametrization.HOUSEHOLDER)
                        .build());
        return layers;
    }

    /** No parameter but what the function itself has. */
    private static void assertFree(Block block) {
        for (String name : block.getParameters().keys()) {
            assertThat(name).doesNotContain("skew", "base", "reflectors");
        }
    }

    private static Block reloaded(Block from, Block into, NDManager manager)
            throws IOException, MalformedModelException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        from.saveParameters(new DataOutputStream(bytes));
        into.loadParameters(
                manager, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        return into;
    }

    /**
     * Also saved and loaded: the layer itself, and the materialised one into one of other weights.
     */
    @Test
    void everyLayerGivesTheSameOutputs() throws IOException, MalformedModelException {
        for (String name : layers().keySet()) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                Block layer = new SequentialBlock().add(layers().get(name));
                IsometryCatalogue.initialize(layer, manager, DataType.FLOAT32, WIDTH);
                NDArray x = manager.randomNormal(new Shape(32, WIDTH));
                NDArray y = IsometryCatalogue.forward(layer, x);
                Block copy =
                        reloaded(layer, new SequentialBlock().add(layers().get(name)), manager);
                assertThat(IsometryCatalogue.forward(copy, x)).as(name).isEqualTo(y);

                int before = manager.getManagedArrays().size();
                Block free = IsometricLayer.materialise(layer, manager);
                assertThat(manager.getManagedArrays())
                        .as("what %s leaves behind besides new parameters", name)
                        .hasSizeLessThanOrEqualTo(before + free.getParameters().size());
                assertFree(free);
                NDArray same = IsometryCatalogue.forward(free, x);
                assertThat(same.sub(y).abs().max().getFloat()).as(name).isLessThan(1e-5f);
                assertThat(free.getClass()).isEqualTo(layer.getClass());

                Block other = new SequentialBlock().add(layers().get(name));
                IsometryCatalogue.initialize(other, manager, DataType.FLOAT32, WIDTH);
                Block loaded = reloaded(free, IsometricLayer.materialise(other, manager), manager);
                assertThat(IsometryCatalogue.forward(loaded, x)).as(name).isEqualTo(same);
            }
        }
    }

    @Test
    void nestedNetworksKeepTheirOtherLayers() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Linear head = Linear.builder().setUnits(3).build();
            SequentialBlock network =
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(WIDTH).build())
                            .add(
                                    new SequentialBlock()
                                            .add(ResidualFold.builder().setWidth(WIDTH).build())
                                            .add(FixedIsometry.groupSort(2)))
                            .add(head);
            network.initialize(manager, DataType.FLOAT64, new Shape(1, 5));
            Block free = IsometricLayer.materialise(network, manager);
            assertFree(free);
            NDArray x = manager.randomNormal(0, 1, new Shape(8, 5), DataType.FLOAT64);
            NDArray y = IsometryCatalogue.forward(network, x);
            NDArray same = IsometryCatalogue.forward(free, x);
            assertThat(same.sub(y).abs().max().getDouble()).isLessThan(1e-13);
            assertThat(free.getChildren().values().get(2)).isSameAs(head);
        }
    }

    @Test
    void theCopyIsItsOwn() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ResidualFold fold = ResidualFold.builder().setWidth(4).build();
            fold.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            Block free = IsometricLayer.materialise(fold, manager);
            NDArray x = manager.randomNormal(new Shape(2, 4));
            NDArray before = IsometryCatalogue.forward(free, x);
            fold.getParameters().values().forEach(p -> p.getArray().muli(0));
            assertThat(IsometryCatalogue.forward(free, x)).isEqualTo(before);
        }
    }

    @Test
    void whatCannotBeTakenApartIsNamed() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block fold = ResidualFold.builder().setWidth(4).build();
            assertThatIllegalStateException()
                    .isThrownBy(() -> IsometricLayer.materialise(fold, manager));
            Block parallel =
                    new ParallelBlock(
                            outputs -> outputs.get(0), List.of(fold, Activation.reluBlock()));
            parallel.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> IsometricLayer.materialise(parallel, manager))
                    .withMessageContaining("ParallelBlock");
        }
    }
}

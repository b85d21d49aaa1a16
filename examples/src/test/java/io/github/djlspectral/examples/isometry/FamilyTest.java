package io.github.djlspectral.examples.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.optim.ParameterRouting;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FamilyTest {

    private static final Set<Family> NOT_ISOMETRIC =
            EnumSet.of(
                    Family.PERSISTENT,
                    Family.HE_RELU,
                    Family.ORTHOGONAL_TANH,
                    Family.RESIDUAL,
                    Family.CONV_HE_RELU,
                    Family.CONV_RESIDUAL);

    private static final int DEPTH = 6;

    private static Family.Network network(Family family, NDManager manager) {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        IsometryCommand options = new IsometryCommand();
        options.width = 16;
        Family.Network network = new Family.Network(family, options, DEPTH, 3);
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        return network;
    }

    @ParameterizedTest
    @EnumSource
    void networksMapImagesToLogits(Family family) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Family.Network network = network(family, manager);
            NDArray images = manager.randomUniform(0, 1, new Shape(5, 1, 28, 28));
            NDArray logits =
                    network.forward(new ParameterStore(manager, false), new NDList(images), false)
                            .singletonOrThrow();
            assertThat(logits.getShape()).isEqualTo(new Shape(5, 3));
            assertThat(network.getOutputShapes(new Shape[] {images.getShape()}))
                    .containsExactly(logits.getShape());
            assertThat(network.layers.getChildren()).hasSize(DEPTH);
        }
    }

    @ParameterizedTest
    @EnumSource
    void familiesAreIsometricAtFirstButForSix(Family family) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Family.Network network = network(family, manager);
            NDArray images = manager.randomUniform(0, 1, new Shape(2, 1, 28, 28));
            NetworkProbe.Measurement measurement = NetworkProbe.Measurement.of(network, images);
            double distance = Math.max(1 - measurement.least(), measurement.largest() - 1);
            if (!NOT_ISOMETRIC.contains(family)) {
                assertThat(distance).isLessThan(1e-5); // some roundings of float32 for each layer
            } else {
                assertThat(distance).isGreaterThan(0.05);
            }
        }
    }

    /** Random pixels are embedded with a root mean square of 1, which biases count on. */
    @ParameterizedTest
    @EnumSource
    void statesHaveUnitScale(Family family) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Family.Network network = network(family, manager);
            NDArray images = manager.randomUniform(0, 1, new Shape(200, 1, 28, 28));
            double square = network.embed(images).square().mean().getFloat();
            assertThat(square).isCloseTo(1, within(0.1)); // 3,200 squares: 3% standard deviation
        }
    }

    @ParameterizedTest
    @EnumSource
    void matricesOfLayersAreSpectral(Family family) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Family.Network network = network(family, manager);
            ParameterRouting routing = network.routing();
            assertThat(network.getParameters())
                    .filteredOn(pair -> routing.isSpectral(pair.getValue().getId()))
                    .hasSizeGreaterThanOrEqualTo(DEPTH)
                    .allMatch(pair -> pair.getKey().contains("layers"));
        }
    }
}

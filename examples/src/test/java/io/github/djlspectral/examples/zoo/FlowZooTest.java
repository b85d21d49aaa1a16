package io.github.djlspectral.examples.zoo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Application;
import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.flow.AttentionFlow;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Another kind of model goes the same way. */
class FlowZooTest {

    private static final String GROUP = "org.example";
    private static final int DIMENSION = 3;

    @TempDir private Path directory;
    private EmptyCache cache;
    private NDManager manager;

    @BeforeEach
    void setUp() {
        cache = EmptyCache.in(directory.resolve("cache"));
        manager = NDManager.newBaseManager();
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @AfterEach
    void tearDown() {
        manager.close();
        cache.close();
    }

    @ParameterizedTest
    @CsvSource({"false, 1", "true, 0.5"})
    void theFlowBlockIsPublishedLikeAnyOther(boolean shared, double temperature) throws Exception {
        Block flow = flow(shared, temperature);
        publish(flow, Map.of("sharedWeights", shared, "temperature", temperature));
        NDArray tokens = manager.create(new float[] {1, 0, 0, 0, 0.6f, 0.8f}, new Shape(1, 2, 3));
        float[] expected =
                flow.forward(new ParameterStore(manager, false), new NDList(tokens), false)
                        .singletonOrThrow()
                        .toFloatArray();
        try (ZooModel<NDList, NDList> model = criteria().loadModel();
                Predictor<NDList, NDList> predictor = model.newPredictor();
                NDList result = predictor.predict(new NDList(tokens))) {
            assertThat(result.singletonOrThrow().toFloatArray()).isEqualTo(expected);
            assertThat(model.getProperty("data")).isEqualTo("none");
        }
    }

    @Test
    void argumentsOfAnotherShapeAreRefused() {
        publish(flow(false, 1), Map.of("heads", 3));
        assertThatThrownBy(() -> criteria().loadModel())
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("step.0.weight is (6, 3), not (9, 3)");
    }

    private Block flow(boolean shared, double temperature) {
        AttentionFlow flow =
                AttentionFlow.builder()
                        .setDimension(DIMENSION)
                        .setHeads(2)
                        .setSteps(4)
                        .setStepSize(0.25)
                        .optTemperature(temperature)
                        .optSharedWeights(shared)
                        .build();
        flow.initialize(manager, DataType.FLOAT32, new Shape(1, 2, DIMENSION));
        return flow;
    }

    private void publish(Block flow, Map<String, Object> arguments) {
        Map<String, Object> all =
                new TreeMap<>(
                        Map.of("dimension", DIMENSION, "heads", 2, "steps", 4, "stepSize", 0.25));
        all.putAll(arguments);
        new Publisher(directory.resolve("repository"))
                .publish(
                        Publication.builder()
                                .setCoordinates(
                                        new Coordinates(
                                                Application.UNDEFINED, GROUP, "flow", "1.0.0"))
                                .setBlock(flow)
                                .setBlockFactory(AttentionFlowFactory.class, all)
                                .optCard(Map.of("data", "none"))
                                .build());
    }

    private Criteria<NDList, NDList> criteria() {
        return Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optModelZoo(SpectralZoo.at(directory.resolve("repository").toString(), GROUP))
                .optArtifactId("flow")
                .build();
    }
}

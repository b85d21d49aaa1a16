package io.github.djlspectral.zoo;

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
import ai.djl.nn.BlockFactory;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Other kinds of models go the same way. */
class OtherModelsTest {

    private static final String GROUP = "org.example";
    private static final int DIMENSION = 3;
    private static final Map<String, Object> FLOW =
            Map.of("dimension", DIMENSION, "heads", 2, "steps", 4, "stepSize", 0.25);

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

    @ParameterizedTest
    @CsvSource({
        "residual, CAYLEY",
        "residual, RETRACTION",
        "abs, INITIAL",
        "twoSlope, EXPONENTIAL"
    })
    void isometricNetworksToo(String fold, String parametrization) throws Exception {
        Map<String, Object> arguments =
                new TreeMap<>(
                        Map.of(
                                "fold",
                                fold,
                                "width",
                                DIMENSION,
                                "depth",
                                5,
                                "parametrization",
                                parametrization));
        if (fold.equals("twoSlope")) {
            arguments.putAll(Map.of("rows", 2, "slopeBelow", 0.1, "slopeAbove", 1));
        }
        Block network = new FoldNetworkFactory().newBlock(null, null, arguments);
        network.initialize(manager, DataType.FLOAT32, new Shape(1, DIMENSION));
        publish(publication(network, FoldNetworkFactory.class, arguments));
        NDArray x = manager.create(new float[] {1, -2, 3, 0, 0.6f, 0.8f}, new Shape(2, 3));
        float[] expected =
                network.forward(new ParameterStore(manager, false), new NDList(x), false)
                        .singletonOrThrow()
                        .toFloatArray();
        try (ZooModel<NDList, NDList> model = criteria().loadModel();
                Predictor<NDList, NDList> predictor = model.newPredictor();
                NDList result = predictor.predict(new NDList(x))) {
            assertThat(result.singletonOrThrow().toFloatArray()).isEqualTo(expected);
        }
    }

    @Test
    void anUnknownFoldIsRefused() {
        Map<String, Object> arguments =
                Map.of("fold", "paper", "width", 3, "depth", 1, "parametrization", "CAYLEY");
        assertThatThrownBy(() -> new FoldNetworkFactory().newBlock(null, null, arguments))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("fold is paper, but must be residual, abs or twoSlope");
    }

    @Test
    void argumentsOfAnotherShapeAreRefused() {
        publish(flow(false, 1), Map.of("heads", 3));
        assertThatThrownBy(() -> criteria().loadModel())
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("a block of {heads=2}, this one is of {heads=3}");
    }

    @Test
    void filesWhoseNamesEndAlikeAreKeptApart() throws Exception {
        publish(
                publication(flow(false, 1), AttentionFlowFactory.class, FLOW)
                        .optFile("x.gz", new byte[] {1})
                        .optFile("x", new byte[] {2}));
        try (ZooModel<NDList, NDList> model = criteria().loadModel()) {
            assertThat(model.getModelPath().resolve("x.gz")).hasBinaryContent(new byte[] {1});
            assertThat(model.getModelPath().resolve("x")).hasBinaryContent(new byte[] {2});
        }
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
        Map<String, Object> all = new TreeMap<>(FLOW);
        all.putAll(arguments);
        publish(publication(flow, AttentionFlowFactory.class, all));
    }

    private static Publication.Builder publication(
            Block block, Class<? extends BlockFactory> factory, Map<String, Object> arguments) {
        return Publication.builder()
                .setCoordinates(new Coordinates(Application.UNDEFINED, GROUP, "other", "1.0.0"))
                .setBlock(block)
                .setBlockFactory(factory, arguments)
                .optCard(Map.of("data", "none"));
    }

    private void publish(Publication.Builder publication) {
        new Publisher(directory.resolve("repository")).publish(publication.build());
    }

    private Criteria<NDList, NDList> criteria() {
        return Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optModelZoo(SpectralZoo.at(directory.resolve("repository").toString(), GROUP))
                .optArtifactId("other")
                .build();
    }
}

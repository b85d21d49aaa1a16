package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.core.LinearCollection;
import io.github.djlspectral.optim.extra.CautiousMuon;
import io.github.djlspectral.optim.extra.NorMuon;
import io.github.djlspectral.optim.extra.Scion;
import io.github.djlspectral.optim.extra.SinkGd;
import io.github.djlspectral.optim.extra.Soap;
import io.github.djlspectral.optim.extra.SphereMuon;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several matrices in one parameter. */
class BlocksTest {

    private static final int BLOCKS = 3;
    private static final String NAME = "01Linear_weight";

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    static Stream<Function<ParameterRouting, SpectralOptimizer>> optimizers() {
        return Stream.of(
                routing -> Muon.builder().optRouting(routing).optWeightDecays(0.1f).build(),
                routing ->
                        Muon.builder()
                                .optRouting(routing)
                                .optMap(SpectralMap.newtonSchulz())
                                .optNesterov(false)
                                .build(),
                routing -> Freon.builder().optRouting(routing).build(),
                routing ->
                        Freon.builder()
                                .optRouting(routing)
                                .optMethod(Freon.Method.PARTIAL_FRACTIONS)
                                .build(),
                routing -> Kaon.builder().optRouting(routing).build(),
                routing -> TruncatedSgd.builder().optRouting(routing).optFraction(0.3).build(),
                routing -> NorMuon.builder().optRouting(routing).build(),
                routing -> CautiousMuon.builder().optRouting(routing).build(),
                routing -> Scion.builder().optRouting(routing).build(),
                routing -> SphereMuon.builder().optRouting(routing).build(),
                routing -> SphereMuon.builder().optRouting(routing).optFrobenius(true).build(),
                routing -> Soap.builder().optRouting(routing).build(),
                routing -> SinkGd.builder().optRouting(routing).build());
    }

    private Block linear(int units, int inputs, DataType type) {
        Block block = new SequentialBlock().add(Linear.builder().setUnits(units).build());
        block.initialize(manager, type, new Shape(1, inputs));
        return block;
    }

    private static Parameter weight(Block block) {
        return BlockParameters.byName(block).get(NAME);
    }

    /** Wide, square and tall blocks, of one of which the gradient is zero at first. */
    @ParameterizedTest
    @MethodSource("optimizers")
    void areAsSoManyParameters(Function<ParameterRouting, SpectralOptimizer> make) {
        for (int rows : new int[] {4, 6, 9}) {
            Block block = linear(BLOCKS * rows, 6, DataType.FLOAT64);
            NDArray whole = weight(block).getArray();
            SequentialBlock layers = new SequentialBlock();
            for (int i = 0; i < BLOCKS; i++) {
                layers.add(linear(rows, 6, DataType.FLOAT64));
            }
            List<Parameter> alone =
                    BlockParameters.byName(layers).values().stream()
                            .filter(p -> p.getType() == Parameter.Type.WEIGHT)
                            .toList();
            for (int i = 0; i < BLOCKS; i++) {
                whole.get(part(i, rows)).copyTo(alone.get(i).getArray());
            }
            try (SpectralOptimizer split =
                            make.apply(
                                    ParameterRouting.of(block)
                                            .withSpectral(NAME)
                                            .withBlocks("Linear_weight", BLOCKS));
                    SpectralOptimizer several =
                            make.apply(ParameterRouting.of(layers).withSpectral("weight"))) {
                for (int step = 0; step < 4; step++) {
                    NDArray gradient =
                            manager.randomNormal(0, 1, whole.getShape(), DataType.FLOAT64);
                    if (step == 0) {
                        gradient.set(new NDIndex(":" + rows), 0);
                    }
                    split.update(weight(block).getId(), whole, gradient);
                    for (int i = 0; i < BLOCKS; i++) {
                        Parameter one = alone.get(i);
                        several.update(one.getId(), one.getArray(), gradient.get(part(i, rows)));
                    }
                }
            }
            for (int i = 0; i < BLOCKS; i++) {
                double[] expected = alone.get(i).getArray().toDoubleArray();
                double tolerance = whole.getDevice().isGpu() ? 1e-9 : 0;
                assertThat(whole.get(part(i, rows)).toDoubleArray())
                        .containsExactly(expected, within(tolerance));
            }
        }
    }

    /** A batch that is taken together, as on a GPU: the draws of each, a tiny one among them. */
    @ParameterizedTest
    @ValueSource(floats = {1, 1e-25f})
    void aBatchHasTheDrawsAndSizesOfItsMatrices(float size) {
        NDArray g = manager.randomNormal(new Shape(BLOCKS * 6, 8));
        g.get(":6").muli(size);
        long[] shape = {BLOCKS, 6, 8};
        for (SpectralMap map :
                List.of(SpectralMap.randomSpectrum(0.5, 1.5, 3), SpectralMap.newtonSchulz())) {
            SpectralMap.Matrix matrix =
                    new SpectralMap.Matrix(6, 8, DataType.FLOAT32, g.getDevice());
            Kernel kernel = Kernel.joined(map.kernels(matrix, BLOCKS, 7));
            NDArray[] mapped = new NDArray[2];
            for (int i = 0; i < 2; i++) {
                Object[] arguments = {g, shape, kernel.numbers(), kernel.each(), i == 1};
                mapped[i] = kernel.script("").call(manager, "map", arguments).get(0);
            }
            assertThat(mapped[1].toFloatArray())
                    .containsExactly(mapped[0].toFloatArray(), within(1e-5f));
            assertThat(mapped[1].get(":6").norm().getFloat()).isGreaterThan(0.5f);
        }
    }

    private static String part(int block, int rows) {
        return block * rows + ":" + (block + 1) * rows;
    }

    @Test
    void theScaleIsThatOfOneBlock() {
        Block block = linear(12, 4, DataType.FLOAT64);
        ParameterRouting routing =
                ParameterRouting.of(block).withSpectral(NAME).withBlocks(NAME, BLOCKS);
        NDArray weight = weight(block).getArray();
        NDArray before = weight.duplicate();
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            muon.update(
                    weight(block).getId(),
                    weight,
                    manager.randomNormal(weight.getShape(), DataType.FLOAT64));
        }
        for (int i = 0; i < BLOCKS; i++) {
            double[] s = Oracle.singularValues(weight.sub(before).get(part(i, 4)));
            assertThat(s).containsOnly(new double[] {0.02}, within(1e-8)); // not sqrt(12 / 4)
        }
    }

    /**
     * Blocks of a float32 weight on the production routes: within 1e-5 of the float64 reference.
     */
    @ParameterizedTest
    @ValueSource(ints = {40, 200})
    void theMapsOfABatchAreThoseOfItsMatrices(int rows) {
        for (SpectralMap map :
                new SpectralMap[] {SpectralMap.polar(), SpectralMap.newtonSchulz()}) {
            for (DataType type : new DataType[] {DataType.FLOAT32, DataType.FLOAT64}) {
                NDArray g = manager.randomNormal(new Shape(BLOCKS * rows, 210)).toType(type, false);
                Shape one = new Shape(rows, 210);
                Kernel kernel = map.kernel(one, type, g.getDevice());
                long[] shape = {BLOCKS, rows, 210};
                NDArray batch =
                        kernel.script("")
                                .call(manager, "map", g, shape, kernel.numbers(), 0, true)
                                .get(0);
                for (int i = 0; i < BLOCKS; i++) {
                    String rowsOf = part(i, rows);
                    assertThat(Oracle.relativeDistance(batch.get(rowsOf), map.apply(g.get(rowsOf))))
                            .isLessThan(1e-5);
                }
            }
        }
    }

    /** Inputs are rows there: the scale must not grow with them. */
    @ParameterizedTest
    @ValueSource(strings = {"by rule", "as asked", "group of Muon"})
    void aCollectionOfLinearLayersIsSplitByItsLeadingAxis(String how) {
        Block block =
                new SequentialBlock()
                        .add(LinearCollection.builder().setUnits(2).build())
                        .add(Linear.builder().setUnits(3).build());
        block.initialize(manager, DataType.FLOAT64, new Shape(1, BLOCKS, 8));
        ParameterRouting rules = ParameterRouting.of(block);
        Muon group = Muon.builder().build();
        ParameterRouting routing =
                switch (how) {
                    case "by rule" -> rules;
                    case "as asked" -> rules.withSpectral("Collection_weight");
                    default ->
                            rules.withGroup(
                                    p -> p.getKey().equals("01LinearCollection_weight"), group);
                };
        assertThat(routing.toTable()).contains("3 x (8, 2)");
        Parameter parameter = BlockParameters.byName(block).get("01LinearCollection_weight");
        NDArray weight = parameter.getArray();
        NDArray before = weight.duplicate();
        NDArray gradient = manager.randomNormal(weight.getShape(), DataType.FLOAT64);
        try (group;
                Muon muon = Muon.builder().optRouting(routing).build()) {
            muon.update(parameter.getId(), weight, gradient);
        }
        for (int i = 0; i < BLOCKS; i++) {
            double[] s = Oracle.singularValues(before.sub(weight).get(i));
            assertThat(s).containsExactly(new double[] {0.02, 0.02}, within(1e-8));
        }
    }

    @Test
    void whatCannotBeSplitIsNamed() {
        Block block = linear(10, 4, DataType.FLOAT32);
        ParameterRouting routing = ParameterRouting.of(block);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> routing.withBlocks(NAME, 3).toTable())
                .withMessageContainingAll(NAME, "(10, 4)", "3 blocks");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> routing.withBlocks("missing", 2).toTable())
                .withMessageContaining("missing");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> routing.withBlocks(NAME, 0))
                .withMessageContaining("at least 1, was 0");
        assertThatIllegalArgumentException()
                .as("it is the head")
                .isThrownBy(() -> routing.withBlocks(NAME, 2).toTable())
                .withMessageContaining("no spectral parameter for withBlocks whose name matches");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 3})
    void aBlockThatIsWrongAboutItsMatricesIsNamed(int matrices) {
        final class Wrong extends BareBlock implements FusedWeights {
            @Override
            public int matrices(String parameter) {
                return matrices;
            }
        }
        Block block = new Wrong().weight("attn", 8, 4).weight("gain");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ParameterRouting.of(block).toTable())
                .withMessageContainingAll("attn of shape (8, 4)", matrices + " blocks", "matrices");
    }

    /** As the head it falls back; who overrules that has as many matrices as elsewhere. */
    @Test
    void aHeadThatIsAskedForIsSplitAsAnyOther() {
        Block block = new SequentialBlock().add(LinearCollection.builder().setUnits(2).build());
        block.initialize(manager, DataType.FLOAT32, new Shape(1, BLOCKS, 8));
        ParameterRouting routing = ParameterRouting.of(block);
        assertThat(routing.toTable()).containsPattern("weight +\\(3, 8, 2\\) +48  fallback");
        ParameterRouting asked = routing.withSpectral("weight");
        assertThat(asked.toTable()).containsPattern("weight +3 x \\(8, 2\\) +48  spectral");
        try (Muon muon = Muon.builder().build()) {
            assertThat(routing.withGroup(p -> p.getKey().contains("weight"), muon).toTable())
                    .containsPattern("weight +3 x \\(8, 2\\) +48  group");
        }
    }

    /** The list is of what the engine lends: nothing may stay behind. */
    @Test
    void aThousandStepsOfBlocksKeepNoArrays() {
        Block block = linear(6, 4, DataType.FLOAT32);
        ParameterRouting routing =
                ParameterRouting.of(block).withSpectral(NAME).withBlocks(NAME, 3);
        NDArray weight = weight(block).getArray();
        NDArray gradient = manager.randomNormal(weight.getShape());
        try (Muon muon = Muon.builder().optRouting(routing).build()) {
            muon.update(weight(block).getId(), weight, gradient);
            int before = manager.getManagedArrays().size();
            for (int i = 0; i < 1000; i++) {
                muon.update(weight(block).getId(), weight, gradient);
            }
            assertThat(manager.getManagedArrays()).hasSize(before);
        }
        assertThat(new NDList(weight).get(0).isNaN().any().getBoolean()).isFalse();
    }
}

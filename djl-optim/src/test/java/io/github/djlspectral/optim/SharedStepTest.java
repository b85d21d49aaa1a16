package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Weights whose blocks are alike step in one native call, by themselves or as on a GPU in batches.
 */
class SharedStepTest {

    private static final int BLOCKS = 3;
    private static final int SIZE = 6 * 8;
    private static final long ALL = 1 << 26;

    private NDManager manager;
    private NDArray done;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
        done = manager.zeros(new Shape(), DataType.INT64);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void isThatOfEachWeightAlone(boolean draws) {
        SpectralMap map =
                draws ? SpectralMap.randomSpectrum(0.5, 1.5, 3) : SpectralMap.newtonSchulz();
        SpectralMap.Matrix matrix =
                new SpectralMap.Matrix(6, 8, DataType.FLOAT32, manager.getDevice());
        NDList gs = new NDList(gaussian(1), gaussian(BLOCKS), gaussian(1));
        gs.get(1).get("6:12").muli(0); // decays only
        List<List<Kernel>> kernels =
                List.of(
                        map.kernels(matrix, 1, 7),
                        map.kernels(matrix, BLOCKS, 8),
                        map.kernels(matrix, 1, 9));
        NDList alone = ones(gs);
        for (int i = 0; i < 3; i++) {
            Kernel own = Kernel.joined(kernels.get(i));
            step(own, new NDList(alone.get(i)), new NDList(gs.get(i)), 0, true);
        }
        Kernel all = Kernel.joined(kernels.stream().flatMap(List::stream).toList());
        for (long most : new long[] {0, 4 * SIZE, ALL}) {
            NDList ws = ones(gs);
            assertThat(step(all, ws, gs, most, true)).isTrue();
            assertThat(done.getLong()).isEqualTo(3);
            for (int i = 0; i < 3; i++) {
                assertThat(ws.get(i).toFloatArray())
                        .containsExactly(
                                alone.get(i).toFloatArray(), within(most == 0 ? 0 : 1e-5f));
            }
            assertThat(ws.get(1).get("6:12").toFloatArray()).containsOnly(0.9f);
        }
    }

    /** Of 1, 3, 2 and 1 blocks; a weight of more goes alone. */
    @ParameterizedTest
    @CsvSource({"4, 4 4 3 3", "3, 1 3 3 3", "2, 1 3 2 1", "1, 1 3 2 1", "6, 6 6 6 1", "7, 7 7 7 7"})
    void aBatchHasAtMostSoManyElements(int blocks, String sizes) {
        NDList gs = new NDList(gaussian(1), gaussian(3), gaussian(2), gaussian(1));
        NDList ws = ones(gs);
        Kernel kernel = Kernel.of(SharedStepTest.class, "sizes.py");
        assertThat(step(kernel, ws, gs, (long) blocks * SIZE, true)).isTrue();
        for (int i = 0; i < 4; i++) {
            float size = Float.parseFloat(sizes.split(" ")[i]);
            assertThat(ws.get(i).toFloatArray())
                    .containsOnly(new float[] {0.9f - 0.1f * size}, within(1e-6f));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, ALL})
    void aBlockOfZerosIsMaskedInBothFactors(long most) {
        NDList gs = new NDList(gaussian(1), gaussian(BLOCKS));
        gs.get(1).get("6:12").muli(0);
        NDList ws = ones(gs);
        step(Kernel.of(SharedStepTest.class, "ratios.py"), ws, gs, most, true);
        assertThat(ws.get(1).get("6:12").toFloatArray()).containsOnly(0.9f);
        for (NDArray w : ws) {
            assertThat(w.isNaN().any().getBoolean()).isFalse();
        }
        assertThat(ws.get(1).get("12:").sub(0.9).abs().max().getFloat()).isGreaterThan(1e-3f);
    }

    /** Where gradients are known a GPU is not waited for: the weight shows it. */
    @Test
    void aMomentumThatIsNotFiniteIsNotMasked() {
        Kernel kernel = Kernel.named("polynomial", 3, -3, 1);
        NDList gs = new NDList(gaussian(1), gaussian(BLOCKS));
        for (long most : new long[] {0, ALL}) {
            for (boolean usable : new boolean[] {false, true}) {
                NDList ws = ones(gs);
                NDList momenta = new NDList(gs.get(0).zerosLike(), gs.get(1).zerosLike());
                momenta.get(1).set(new NDIndex(7, 3), Float.NaN);
                boolean made = step(kernel, ws, gs, momenta, most, usable);
                assertThat(made).isEqualTo(most > 0 && usable);
                if (made) {
                    assertThat(ws.get(1).get("6:12").isNaN().all().getBoolean()).isTrue();
                    assertThat(ws.get(1).get(":6").isNaN().any().getBoolean()).isFalse();
                } else {
                    assertThat(ws.get(1).toFloatArray()).containsOnly(1);
                    assertThat(done.getLong()).isEqualTo(most == 0 ? 1 : 0);
                }
            }
        }
    }

    private NDArray gaussian(int blocks) {
        return manager.randomNormal(new Shape(blocks * 6L, 8));
    }

    private static NDList ones(NDList gs) {
        return new NDList(gs.stream().map(NDArray::onesLike).toList());
    }

    private boolean step(Kernel kernel, NDList ws, NDList gs, long most, boolean usable) {
        NDList momenta = new NDList(ws.stream().map(NDArray::zerosLike).toList());
        return step(kernel, ws, gs, momenta, most, usable);
    }

    private boolean step(
            Kernel kernel, NDList ws, NDList gs, NDList momenta, long most, boolean usable) {
        done.subi(done);
        Object[] arguments = {
            ws,
            gs,
            momenta,
            ws.stream().mapToLong(w -> w.size() / SIZE).toArray(),
            6,
            8,
            true, // remembers
            kernel.numbers(),
            kernel.each(),
            most,
            new double[0],
            1.0, // rescale
            -1.0, // clip
            0.5, // momentum
            true, // nesterov
            0.1, // rate
            0.9, // shrink
            usable,
            done
        };
        return kernel.script("").callBoolean(manager, "step", arguments);
    }

    @Test
    void theFirstGradientThatIsNotFiniteIsNamed() {
        try (Muon muon = Muon.builder().build()) {
            List<Update> updates = List.of(update("a", 1), update("b", 1), update("c", 1));
            updates.get(1).gradient().addi(Float.NaN);
            updates.get(2).gradient().addi(Float.POSITIVE_INFINITY);
            assertThatThrownBy(() -> muon.update(List.of(updates)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("parameter b contains NaN or infinity at step 1");
            assertThat(updates)
                    .allSatisfy(u -> assertThat(u.weight()).isEqualTo(u.gradient().onesLike()));
            assertThat(muon.states.ids()).isEmpty();
        }
    }

    @Test
    void aMomentumThatIsNotFiniteIsTheReason() {
        assumeThat(manager.getDevice()).isEqualTo(Device.cpu()); // a GPU steps all or none
        try (Muon muon = Muon.builder().build()) {
            List<Update> updates = List.of(update("a", 1), update("b", 1), update("c", 1));
            NDArray bad = updates.get(1).weight();
            muon.state("b", bad).array(0).addi(Float.NaN); // as if it were loaded
            assertThatThrownBy(() -> muon.update("b", bad, updates.get(1).gradient()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("b is finite, but not the momentum that it enters");
            assertThatThrownBy(() -> muon.update(List.of(updates)))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContainingAll(
                            "1 of 3 parameters have moved",
                            "parameter b is finite, but not the momentum that it enters");
            assertThat(muon.firstState("a").step()).isOne();
            assertThat(muon.firstState("b").step()).isZero();
            assertThat(bad).isEqualTo(bad.onesLike());
            assertThat(muon.states.ids()).containsExactlyInAnyOrder("a", "b");
        }
    }

    private Update update(String id, int blocks) {
        NDArray g = gaussian(blocks);
        return new Update(id, null, g.onesLike(), g, false, 1);
    }

    private static final class Limited extends SpectralOptimizer {

        private double limit = Double.POSITIVE_INFINITY;

        Limited() {
            super(Muon.builder(), SpectralMap.newtonSchulz(), "limited.py");
        }

        @Override
        protected double[] numbers() {
            return new double[] {limit};
        }
    }

    /** 5 x 5 three times, the second of which has a large element, and a head. */
    private static TinyTraining training(Limited optimizer) {
        Model model = Model.newInstance("squares", "PyTorch");
        SequentialBlock block = new SequentialBlock();
        for (int i = 0; i < 3; i++) {
            block.add(Linear.builder().setUnits(TinyTraining.INPUTS).optBias(false).build());
        }
        model.setBlock(block.add(Linear.builder().setUnits(TinyTraining.OUTPUTS).build()));
        TinyTraining tiny = new TinyTraining(model, optimizer);
        NDArray second = BlockParameters.byName(block).get("02Linear_weight").getArray();
        second.setRequiresGradient(false);
        second.set(new NDIndex(2, 2), 9);
        second.setRequiresGradient(true);
        return tiny;
    }

    @Test
    void whatHasMovedBeforeAnErrorCountsAndTheRestCanGoOn() {
        try (Limited alone = new Limited();
                Limited failing = new Limited();
                TinyTraining reference = training(alone);
                TinyTraining tiny = training(failing)) {
            reference.backward(1);
            tiny.backward(1);
            Map<String, Parameter> all = BlockParameters.byName(tiny.block());
            String first = all.get("01Linear_weight").getId();
            List<float[]> gradients = tiny.gradients();
            failing.limit = 5;
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, failing))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContainingAll(
                            "1 of 5 parameters have moved",
                            "not the one at step 1 of parameter 02Linear_weight",
                            "the weight is over its limit");
            TinyTraining.update(
                    alone, BlockParameters.byName(reference.block()).get("01Linear_weight"));
            assertThat(tiny.weights()).containsExactlyElementsOf(reference.weights());
            assertThat(tiny.gradients().get(0)).containsOnly(0);
            assertThat(tiny.gradients().subList(1, 5))
                    .containsExactlyElementsOf(gradients.subList(1, 5));
            assertThat(failing.states.ids()).containsExactly(first);
            assertThat(failing.firstState(first).step()).isOne();
            assertThat(((StatefulOptimizer) failing.getFallback()).states.ids()).isEmpty();
            failing.limit = Double.POSITIVE_INFINITY;
            OptimizerStep.apply(tiny.trainer, failing);
            OptimizerStep.apply(reference.trainer, alone);
            assertThat(tiny.weights()).containsExactlyElementsOf(reference.weights());
            assertThat(failing.firstState(first).step()).isEqualTo(2);
            assertThat(failing.firstState(all.get("02Linear_weight").getId()).step()).isOne();
        }
    }
}

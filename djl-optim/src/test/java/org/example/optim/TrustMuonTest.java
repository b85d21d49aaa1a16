package org.example.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.PlainMatrix;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the guide says of an optimizer of one's own, from another package. */
class TrustMuonTest {

    @ParameterizedTest
    @CsvSource({"3,5", "5,3", "4,4"})
    void followsItsFormula(int rows, int columns) {
        Random random = new Random(8);
        double[][] w = PlainMatrix.gaussian(random, rows, columns);
        double[][] m = new double[rows][columns];
        double length = 0;
        Shape shape = new Shape(rows, columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                TrustMuon optimizer =
                        TrustMuon.builder()
                                .optUpdateScale((outputs, inputs) -> 2 + outputs / inputs)
                                .optLearningRateTracker(Tracker.fixed(0.25f))
                                .optWeightDecays(0.5f)
                                .optMomentum(0.5f)
                                .optNesterov(false)
                                .build()) {
            NDArray weight = manager.create(PlainMatrix.flat(w), shape);
            for (int step = 0; step < 4; step++) {
                double[][] g = PlainMatrix.gaussian(random, rows, columns);
                optimizer.update("w", weight, manager.create(PlainMatrix.flat(g), shape));
                m = PlainMatrix.sum(0.5, m, 0.5, g);
                length = 0.9 * length + (1 - 0.9) * norm(w);
                double[][] u = PlainMatrix.mapped(m, TrustMuonTest::cubic);
                double rate = 0.25 * (2 + (double) rows / columns);
                w = PlainMatrix.sum(1 - 0.25 * 0.5, w, -rate * length / norm(u), u);
                assertThat(weight.toDoubleArray())
                        .containsExactly(PlainMatrix.flat(w), within(1e-9));
            }
        }
    }

    private static double norm(double[][] a) {
        double sum = 0;
        for (double x : PlainMatrix.flat(a)) {
            sum += x * x;
        }
        return Math.sqrt(sum);
    }

    private static double[] cubic(double[] s) {
        double sum = 0;
        for (double x : s) {
            sum += x * x;
        }
        double[] images = new double[s.length];
        for (int i = 0; i < s.length; i++) {
            images[i] = s[i] / Math.sqrt(sum);
            for (int k = 0; k < 12; k++) {
                images[i] = 1.5 * images[i] - 0.5 * Math.pow(images[i], 3);
            }
        }
        return images;
    }

    @Test
    void whatIsNoMapIsRefusedByName() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Kernel.of(TrustMuon.class, "trust.py"))
                .withMessageContainingAll("trust.py", "TrustMuon", "mapped(X, norms, numbers)");
        assertThatIllegalArgumentException()
                .isThrownBy(WrongHooks::new)
                .withMessageContainingAll("cubic.py", "WrongHooks", "after_map or after_step");
        assertThatThrownBy(() -> Kernel.of(TrustMuon.class, "missing.py"))
                .isInstanceOf(UncheckedIOException.class)
                .hasStackTraceContaining("missing.py");
    }

    /** On any scale: it comes to the map in the range of float32. */
    @ParameterizedTest
    @CsvSource({"1e-30", "1e30"})
    void aMapOfOnesOwnIsAMap(double scale) {
        SpectralMap map = SpectralMap.of(Kernel.of(TrustMuon.class, "cubic.py", 30));
        double[][] g = PlainMatrix.gaussian(new Random(1), 6, 9);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix =
                    manager.create(PlainMatrix.flat(g), new Shape(6, 9))
                            .mul(scale)
                            .toType(DataType.FLOAT32, false);
            NDArray mapped = map.apply(matrix).toType(DataType.FLOAT64, false);
            assertThat(mapped.toDoubleArray())
                    .containsExactly(PlainMatrix.flat(PlainMatrix.polar(g)), within(1e-5));
        }
    }

    /** Of a wrong signature when it is compiled, of a wrong shape at the first matrix. */
    @Test
    void aMapThatIsWrittenWrongSaysWhere() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = manager.randomNormal(new Shape(3, 4));
            SpectralMap wrong = SpectralMap.of(Kernel.of(TrustMuon.class, "two_arguments.py"));
            assertThatThrownBy(() -> wrong.apply(matrix))
                    .isInstanceOf(EngineException.class)
                    .hasMessageStartingWith("Cannot compile TorchScript two_arguments: ")
                    .hasMessageContaining("at most 2 arguments but found 3");
            SpectralMap lengths = SpectralMap.of(Kernel.of(TrustMuon.class, "lengths.py"));
            assertThatThrownBy(() -> lengths.apply(matrix))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining("a map must return the shape of X, [batch, k, n]");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "two_arguments_after.py, an optimizer's hooks: after_map(Tensor U",
        "lengths_after.py, 'after_map must return the shape of w, [blocks, rows, columns]'"
    })
    void anAfterMapThatIsWrittenWrongSaysWhere(String file, String words) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SpectralOptimizer optimizer = new WrongHooks(file)) {
            NDArray weight = manager.ones(new Shape(3, 4));
            NDArray gradient = manager.randomNormal(new Shape(3, 4));
            assertThatThrownBy(() -> optimizer.update("w", weight, gradient))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining(words);
            assertThat(weight).isEqualTo(weight.onesLike());
        }
    }

    /** What draws may choose other numbers, but not more of them. */
    @Test
    void aMapWithAnotherComputationForEveryDrawIsRefused() {
        SpectralMap fickle =
                new SpectralMap("fickle") {
                    @Override
                    protected Kernel kernel(Matrix matrix, long draw) {
                        double[] numbers = new double[draw % 2 == 0 ? 1 : 2];
                        return Kernel.of(TrustMuon.class, "cubic.py", numbers);
                    }
                };
        Block block = new SequentialBlock().add(Linear.builder().setUnits(64).build());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            block.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            Parameter weight = block.getParameters().get("01Linear_weight");
            ParameterRouting routing =
                    ParameterRouting.of(block).withSpectral("weight").withBlocks("weight", 32);
            try (Muon muon = Muon.builder().optMap(fickle).optRouting(routing).build()) {
                NDArray array = weight.getArray();
                assertThatThrownBy(() -> muon.update(weight.getId(), array, array.onesLike()))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContainingAll("cubic(", "other draws");
            }
        }
    }

    /** Step, rate, scale, decay, its own, new: in rows of the weight, as both hooks say. */
    @Test
    void hooksGetTheirNumbersAndStatesInOrderEvenWithoutAGradient() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Numbered optimizer = new Numbered()) {
            NDArray weight = manager.ones(new Shape(7, 3), DataType.FLOAT64);
            for (int step = 1; step <= 2; step++) {
                optimizer.update("w", weight, weight.zerosLike());
                double[] rows = {step, 0.25, 3, 0.5, 7, 8, step == 1 ? 1 : 0};
                for (int i = 0; i < rows.length; i++) {
                    assertThat(weight.get(i).toDoubleArray()).containsOnly(2 * rows[i]);
                }
            }
        }
    }

    private static final class Numbered extends SpectralOptimizer {

        Numbered() {
            super(
                    TrustMuon.builder()
                            .optUpdateScale((outputs, inputs) -> 3)
                            .optLearningRateTracker(Tracker.fixed(0.25f))
                            .optWeightDecays(0.5f),
                    SpectralMap.polar(),
                    "numbers.py");
        }

        @Override
        protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
            Map<String, Shape> shapes = new LinkedHashMap<>();
            shapes.put("b", new Shape(blocks, rows, columns));
            shapes.put("a", new Shape(blocks, rows, 1)); // names tell the order
            return shapes;
        }

        @Override
        protected double[] numbers() {
            return new double[] {7, 8};
        }
    }

    private static final class WrongHooks extends SpectralOptimizer {

        /** A map is no hook. */
        WrongHooks() {
            this("cubic.py");
        }

        WrongHooks(String file) {
            super(TrustMuon.builder(), SpectralMap.polar(), file);
        }
    }
}

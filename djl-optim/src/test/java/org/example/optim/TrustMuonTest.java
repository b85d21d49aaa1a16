package org.example.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.PlainMatrix;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;
import java.io.UncheckedIOException;
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
                                .optUpdateScale(UpdateScale.NONE)
                                .optLearningRateTracker(Tracker.fixed(0.25f))
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
                w = PlainMatrix.sum(1, w, -0.25 * length / norm(u), u);
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

    /** A map is no hook. */
    private static final class WrongHooks extends SpectralOptimizer {
        WrongHooks() {
            super(TrustMuon.builder(), SpectralMap.polar(), "cubic.py");
        }
    }
}

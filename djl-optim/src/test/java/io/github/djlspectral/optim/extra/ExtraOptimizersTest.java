package io.github.djlspectral.optim.extra;

import static io.github.djlspectral.optim.PlainMatrix.polar;
import static io.github.djlspectral.optim.PlainMatrix.product;
import static io.github.djlspectral.optim.PlainMatrix.sum;
import static io.github.djlspectral.optim.PlainMatrix.transposed;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.PlainMatrix;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Against their formulas in plain arrays. */
class ExtraOptimizersTest {

    private static final float RATE = 0.5f;
    private static final float MOMENTUM = 0.75f;
    private static final Tracker TRACKER = Tracker.fixed(RATE);

    /**
     * The weight after a step, from the weight, the momentum with this gradient, and the gradient.
     */
    private interface Reference {
        double[][] step(int t, double[][] w, double[][] m, double[][] g);
    }

    private static void follows(
            SpectralOptimizer optimizer, int rows, int columns, Reference reference) {
        Random random = new Random(3);
        double[][] m = new double[rows][columns];
        double[][] w = PlainMatrix.gaussian(random, rows, columns);
        Shape shape = new Shape(rows, columns);
        try (optimizer;
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray weight = manager.create(PlainMatrix.flat(w), shape);
            for (int t = 1; t <= 12; t++) {
                double[][] g = PlainMatrix.gaussian(random, rows, columns);
                optimizer.update("w", weight, manager.create(PlainMatrix.flat(g), shape));
                m = sum(MOMENTUM, m, 1 - MOMENTUM, g);
                w = reference.step(t, w, m, g);
                // what is rounding in the first P^T G Q, 1e-16, is divided by the epsilon, 1e-8
                assertThat(weight.toDoubleArray())
                        .containsExactly(PlainMatrix.flat(w), within(1e-7));
            }
        }
    }

    private static double norm(double[][] a) {
        return Math.sqrt(Arrays.stream(PlainMatrix.flat(a)).map(x -> x * x).sum());
    }

    @ParameterizedTest
    @CsvSource({"4,6", "6,4", "5,5"})
    void norMuon(int rows, int columns) {
        double[] v = new double[rows];
        NorMuon optimizer =
                NorMuon.builder()
                        .optUpdateScale(UpdateScale.MATCH_RMS)
                        .optLearningRateTracker(TRACKER)
                        .optWeightDecays(0.125f)
                        .optMomentum(MOMENTUM)
                        .optNesterov(false)
                        .build();
        follows(
                optimizer,
                rows,
                columns,
                (t, w, m, g) -> {
                    double[][] o = polar(m);
                    double[][] n = new double[rows][];
                    for (int i = 0; i < rows; i++) {
                        v[i] =
                                0.95 * v[i]
                                        + (1 - 0.95)
                                                * Arrays.stream(o[i])
                                                        .map(x -> x * x / columns)
                                                        .sum();
                        double root = Math.sqrt(v[i]) + 1e-8;
                        n[i] = Arrays.stream(o[i]).map(x -> x / root).toArray();
                    }
                    double factor = 0.2 * Math.sqrt(Math.max(rows, columns)) * norm(o) / norm(n);
                    return sum(1 - RATE * 0.125, w, -RATE * factor, n);
                });
    }

    @Test
    void cautiousMuon() {
        CautiousMuon optimizer =
                CautiousMuon.builder()
                        .optCautiousDecay(0.25)
                        .optLearningRateTracker(TRACKER)
                        .optMomentum(MOMENTUM)
                        .optNesterov(false)
                        .build();
        follows(
                optimizer,
                8,
                2,
                (t, w, m, g) -> {
                    double[][] u = polar(m);
                    double[][] next = sum(1, w, -RATE * 2, u); // sqrt(8 / 2)
                    for (int i = 0; i < 8; i++) {
                        for (int j = 0; j < 2; j++) {
                            next[i][j] -= u[i][j] * w[i][j] > 0 ? RATE * 0.25 * w[i][j] : 0;
                        }
                    }
                    return next;
                });
    }

    /** A step of nothing opposes no weight. */
    @Test
    void cautiousMuonDecaysWithoutGradient() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                CautiousMuon optimizer =
                        CautiousMuon.builder()
                                .optCautiousDecay(0.25)
                                .optLearningRateTracker(TRACKER)
                                .build()) {
            NDArray weight = manager.create(new float[] {8, -8, 16, 0}, new Shape(2, 2));
            optimizer.update("w", weight, manager.zeros(new Shape(2, 2)));
            assertThat(weight.toFloatArray()).containsExactly(7, -7, 14, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"2,8", "8,2"})
    void scion(int rows, int columns) {
        Scion optimizer =
                Scion.builder()
                        .optRadius(3)
                        .optLearningRateTracker(TRACKER)
                        .optMomentum(MOMENTUM)
                        .build();
        double scale = Math.sqrt((double) rows / columns);
        follows(
                optimizer,
                rows,
                columns,
                (t, w, m, g) -> sum(1 - RATE, w, -RATE * 3 * scale, polar(m)));
    }

    @ParameterizedTest
    @CsvSource({"true,4,6", "true,6,4", "false,4,6", "false,6,4"})
    void sphereMuon(boolean frobenius, int rows, int columns) {
        double[] radius = new double[1];
        SphereMuon optimizer =
                SphereMuon.builder()
                        .optFrobenius(frobenius)
                        .optUpdateScale(UpdateScale.NONE)
                        .optLearningRateTracker(Tracker.fixed(0.125f))
                        .optMomentum(MOMENTUM)
                        .optNesterov(false)
                        .build();
        Random random = new Random(5);
        double[][] w = PlainMatrix.gaussian(random, rows, columns);
        try (optimizer;
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Shape shape = new Shape(rows, columns);
            NDArray weight = manager.create(PlainMatrix.flat(w), shape);
            for (int t = 1; t <= 30; t++) {
                NDArray g =
                        manager.create(
                                PlainMatrix.flat(PlainMatrix.gaussian(random, rows, columns)),
                                shape);
                optimizer.update("w", weight, g);
                double[][] now = PlainMatrix.of(weight);
                double[] s = PlainMatrix.singularValues(now);
                double size = frobenius ? norm(now) : s[s.length - 1];
                radius[0] = t == 1 ? size : radius[0];
                // one step of a power iteration lags behind a weight that turns
                assertThat(size).isCloseTo(radius[0], within(frobenius ? 1e-9 : 0.1 * radius[0]));
            }
        }
    }

    /**
     * The first step finds the bases; of the same gradient the next is Adam's, signs of P^T G Q.
     */
    @Test
    void soapBeginsAsAdamInTheSingularVectors() {
        Soap optimizer = Soap.builder().optLearningRateTracker(TRACKER).build();
        double[][] first = PlainMatrix.gaussian(new Random(3), 3, 3);
        try (optimizer;
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray weight = manager.zeros(new Shape(3, 3), DataType.FLOAT64);
            NDArray gradient = manager.create(PlainMatrix.flat(first), new Shape(3, 3));
            optimizer.update("w", weight, gradient);
            assertThat(weight.toDoubleArray()).containsOnly(0);
            optimizer.update("w", weight, gradient);
            // P^T G Q is diagonal up to signs: divided by its own size it is U V^T
            assertThat(weight.toDoubleArray())
                    .containsExactly(
                            PlainMatrix.flat(sum(-RATE, polar(first), 0, first)), within(1e-4));
        }
    }

    /** Adam in the bases of the first step, from the eleventh on in those of a power iteration. */
    @Test
    void soap() {
        double[][][] known = new double[6][2][2]; // mean, variance, P, Q, L, R
        Soap optimizer = Soap.builder().optLearningRateTracker(TRACKER).build();
        follows(
                optimizer,
                2,
                2,
                (t, w, m, g) -> {
                    known[4] = sum(0.95, known[4], 1 - 0.95, product(g, transposed(g)));
                    known[5] = sum(0.95, known[5], 1 - 0.95, product(transposed(g), g));
                    for (int i = 4; i < 6 && t % 10 == 1; i++) {
                        known[i - 2] =
                                t == 1
                                        ? rotation(known[i])
                                        : orthonormal(product(known[i], known[i - 2]));
                    }
                    if (t == 1) {
                        return w;
                    }
                    known[0] = sum(0.95, known[0], 1 - 0.95, g);
                    double[][] turned = product(transposed(known[2]), product(g, known[3]));
                    double[][] mean = product(transposed(known[2]), product(known[0], known[3]));
                    for (int i = 0; i < 2; i++) {
                        for (int j = 0; j < 2; j++) {
                            known[1][i][j] =
                                    0.95 * known[1][i][j]
                                            + (1 - 0.95) * turned[i][j] * turned[i][j];
                            double bias = 1 - Math.pow(0.95, t - 1);
                            mean[i][j] =
                                    mean[i][j] / bias / (Math.sqrt(known[1][i][j] / bias) + 1e-8);
                        }
                    }
                    return sum(1, w, -RATE, product(known[2], product(mean, transposed(known[3]))));
                });
    }

    /**
     * Eigenvectors of a symmetric 2 x 2 matrix, the larger eigenvalue's first; the sign is free.
     */
    private static double[][] rotation(double[][] a) {
        double angle = 0.5 * Math.atan2(2 * a[0][1], a[0][0] - a[1][1]);
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        return new double[][] {{c, -s}, {s, c}};
    }

    /** What Gram and Schmidt make of two columns; signs are free. */
    private static double[][] orthonormal(double[][] a) {
        double length = Math.hypot(a[0][0], a[1][0]);
        double c = a[0][0] / length;
        double s = a[1][0] / length;
        return new double[][] {{c, -s}, {s, c}};
    }

    @ParameterizedTest
    @CsvSource({"4,6", "6,4"})
    void sinkGd(int rows, int columns) {
        follows(
                SinkGd.builder().optLearningRateTracker(TRACKER).build(),
                rows,
                columns,
                (t, w, m, g) -> {
                    double[][] x = Arrays.stream(g).map(double[]::clone).toArray(double[][]::new);
                    for (int k = 0; k < 5; k++) {
                        for (double[] row : x) {
                            double rms =
                                    Math.sqrt(Arrays.stream(row).map(y -> y * y / columns).sum());
                            Arrays.setAll(row, j -> row[j] / rms);
                        }
                        x = transposed(x);
                        for (double[] column : x) {
                            double rms =
                                    Math.sqrt(Arrays.stream(column).map(y -> y * y / rows).sum());
                            Arrays.setAll(column, j -> column[j] / rms);
                        }
                        x = transposed(x);
                    }
                    return sum(1, w, -RATE, x);
                });
    }

    /** Rows that no token names. */
    @Test
    void sinkGdLeavesRowsWithoutGradient() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SinkGd optimizer = SinkGd.builder().build()) {
            NDArray weight = manager.ones(new Shape(5, 3));
            NDArray gradient = manager.randomNormal(new Shape(5, 3));
            gradient.set(new ai.djl.ndarray.index.NDIndex("2"), 0);
            optimizer.update("w", weight, gradient);
            assertThat(weight.get(2).toFloatArray()).containsExactly(1, 1, 1);
            assertThat(weight.get(1).toFloatArray()).doesNotContain(1);
        }
    }

    /** Adam's mean mixes gradients of all sizes: a tiny one is hardly more than none. */
    @Test
    void soapSeesTheSizeOfGradients() {
        double[][] w = new double[2][];
        for (int i = 0; i < 2; i++) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch");
                    Soap optimizer = Soap.builder().build()) {
                NDArray weight = manager.zeros(new Shape(2, 3), DataType.FLOAT64);
                NDArray g = manager.create(new double[] {1, 2, -3, 4, 0.5, 1}, new Shape(2, 3));
                optimizer.update("w", weight, g);
                optimizer.update("w", weight, g);
                optimizer.update("w", weight, g.neg().mul(i == 0 ? 1e-10 : 0));
                w[i] = weight.toDoubleArray();
            }
        }
        assertThat(w[0]).containsExactly(w[1], within(1e-9));
    }

    /** Without comments, Java and TorchScript together, as the module's page says. */
    @ParameterizedTest
    @CsvSource({
        "NorMuon,normuon.py",
        "CautiousMuon,cautious.py",
        "SphereMuon,spheres.py",
        "Scion,scion.py",
        "Soap,soap.py identity.py",
        "SinkGd,sinkhorn.py identity.py"
    })
    void noneIsOver60Lines(String name, String scripts) throws IOException {
        String folder = "io/github/djlspectral/optim/extra/";
        String java = Files.readString(Path.of("src/main/java", folder, name + ".java"));
        String code = java.replaceAll("(?s)/\\*.*?\\*/", "").replaceAll("//.*", "");
        for (String script : scripts.split(" ")) {
            Path path = Path.of("src/main/resources", folder, script);
            assertThat(java).contains('"' + script + '"');
            code += "\n" + Files.readString(path).replaceAll("#.*", "");
        }
        assertThat(code.lines().filter(line -> !line.isBlank())).hasSizeLessThanOrEqualTo(60);
    }

    static Stream<Supplier<SpectralOptimizer>> all() {
        return Stream.of(
                () -> NorMuon.builder().build(),
                () -> CautiousMuon.builder().build(),
                () -> Scion.builder().build(),
                () -> SphereMuon.builder().build(),
                () -> SphereMuon.builder().optFrobenius(true).build(),
                () -> Soap.builder().build(),
                () -> SinkGd.builder().build());
    }

    /** As Trainer.step would: five steps, saved after two and gone on with by another. */
    @ParameterizedTest
    @MethodSource("all")
    void resumesBitForBit(Supplier<SpectralOptimizer> make, @TempDir Path folder)
            throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock block =
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(6).build())
                            .add(Linear.builder().setUnits(4).build());
            block.initialize(manager, DataType.FLOAT32, new Shape(1, 5));
            Parameter parameter = block.getParameters().get("01Linear_weight");
            NDArray weight = parameter.getArray();
            NDArray start = weight.duplicate();
            NDArray[] gradients = new NDArray[5];
            Arrays.setAll(gradients, i -> manager.randomNormal(weight.getShape()));
            float[] whole = null;
            Path file = folder.resolve("state.safetensors");
            for (int from : new int[] {0, 2}) {
                try (SpectralOptimizer optimizer = make.get()) {
                    if (from == 0) {
                        start.copyTo(weight);
                    } else {
                        OptimizerState.load(optimizer, block, file);
                    }
                    for (int i = from; i < 5; i++) {
                        optimizer.update(parameter.getId(), weight, gradients[i]);
                        if (from == 0 && i == 1) {
                            OptimizerState.save(optimizer, block, file);
                            start.attach(manager);
                            weight.copyTo(start);
                        }
                    }
                }
                if (from == 0) {
                    whole = weight.toFloatArray();
                    start.copyTo(weight);
                }
            }
            assertThat(weight.toFloatArray()).containsExactly(whole);
            assertThat(ParameterRouting.of(block).toTable()).contains("01Linear_weight");
        }
    }

    @Test
    void badOptionsAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NorMuon.builder().optBeta(1))
                .withMessage("optBeta must be in [0, 1), was 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CautiousMuon.builder().optCautiousDecay(-1))
                .withMessageContaining("optCautiousDecay");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Scion.builder().optRadius(0))
                .withMessageContaining("optRadius");
    }
}

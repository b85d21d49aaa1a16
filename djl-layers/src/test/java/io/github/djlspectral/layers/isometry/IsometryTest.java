package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.IsometryCatalogue.between;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviation;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviationRowByRow;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.norm;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.pullback;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.tolerance;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every exact layer on vectors: at random points, beside kinks, and composed. */
class IsometryTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 16, 64, 97})
    void theJacobianIsIsometricEverywhere(int n) {
        for (DataType type : new DataType[] {DataType.FLOAT64, DataType.FLOAT32}) {
            for (Map.Entry<String, Block> layer : IsometryCatalogue.layers(n).entrySet()) {
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    Block block = layer.getValue();
                    IsometryCatalogue.initialize(block, manager, type, n);
                    NDArray point = manager.randomNormal(0, 1, new Shape(n), type);
                    assertThat(deviation(block, manager, point))
                            .as("%s, n = %d, %s", layer.getKey(), n, type)
                            .isLessThan(tolerance(type, n));
                    if (layer.getKey().startsWith("|")) {
                        for (NDArray side : besideAKink(block, manager, type, n)) {
                            assertThat(
                                            type == DataType.FLOAT64
                                                    ? deviation(block, manager, side)
                                                    : deviationRowByRow(block, manager, side))
                                    .as("%s, kink, n = %d, %s", layer.getKey(), n, type)
                                    .isLessThan(tolerance(type, n));
                        }
                    }
                }
            }
        }
    }

    /** Where every pre-activation is 0, the derivatives are of one side. */
    @Test
    void theJacobianIsIsometricOnKinks() {
        for (Map.Entry<String, Block> layer : IsometryCatalogue.layers(16).entrySet()) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                Block block = layer.getValue();
                block.setInitializer(Initializer.ZEROS, Parameter.Type.BIAS);
                block.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
                NDArray origin = manager.zeros(new Shape(16), DataType.FLOAT64);
                assertThat(deviation(block, manager, origin))
                        .as(layer.getKey())
                        .isLessThan(tolerance(DataType.FLOAT64, 16));
            }
        }
    }

    /** Two points less than 1e-6 apart with a kink between: bisection of a line across one. */
    private static NDArray[] besideAKink(Block block, NDManager manager, DataType type, int n) {
        int p = (int) block.getOutputShapes(new Shape[] {new Shape(1, n)})[0].get(1);
        NDArray g = manager.randomNormal(0, 1, new Shape(p), type);
        for (int attempt = 0; attempt < 20; attempt++) {
            NDArray a = manager.randomNormal(0, 2, new Shape(n), type);
            NDArray b = a.neg();
            NDArray slope = pullback(block, a, g);
            if (differ(slope, pullback(block, b, g))) {
                while (apart(a, b) >= 1e-6) {
                    NDArray middle = a.add(b).div(2);
                    if (differ(slope, pullback(block, middle, g))) {
                        b = middle;
                    } else {
                        a = middle;
                    }
                }
                return new NDArray[] {a, b};
            }
        }
        throw new AssertionError("No kink found in " + block);
    }

    /** The largest difference of a coordinate; float32 resolves 5e-7 of coordinates below 8. */
    private static double apart(NDArray a, NDArray b) {
        return a.sub(b).abs().toType(DataType.FLOAT64, true).max().getDouble();
    }

    private static boolean differ(NDArray a, NDArray b) {
        return norm(a.sub(b)) > 1e-3 * norm(a);
    }

    /** Layers of width n, isometric, from it to itself. */
    private static Block square(String family, int n) {
        return switch (family) {
            case "residual" -> ResidualFold.builder().setWidth(n).build();
            case "residual, bias 0" -> ResidualFold.builder().setWidth(n).optInitialBias(0).build();
            case "residual, 1 row" -> ResidualFold.builder().setWidth(n).optRows(1).build();
            case "residual, n/8 rows" ->
                    ResidualFold.builder()
                            .setWidth(n)
                            .optRows((n + 7) / 8)
                            .optInitialBias(0)
                            .build();
            case "absolute" -> AbsFold.builder().setWidth(n).build();
            case "leaky" -> TwoSlopeFold.builder().setWidth(n).setSlopes(0.1, 1).build();
            case "shifted abs" -> between(FixedIsometry.shiftedAbs(2), n, 0);
            case "sawtooth" -> between(FixedIsometry.sawtooth(2), n, 0);
            case "MaxMin" -> between(FixedIsometry.groupSort(2), n, 0);
            case "GroupSort(8)" -> between(FixedIsometry.groupSort(8), n, 0);
            case "AbsSort" -> between(FixedIsometry.absSort(), n, 0);
            case "Householder, trained" -> between(new HouseholderActivation(), n, 0);
            default -> throw new IllegalArgumentException(family);
        };
    }

    /** Depth 200, width 64, float32: all singular values, and the length of gradients. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "residual",
                "residual, bias 0",
                "residual, 1 row",
                "residual, n/8 rows",
                "absolute",
                "leaky",
                "shifted abs",
                "sawtooth",
                "MaxMin",
                "GroupSort(8)",
                "AbsSort",
                "Householder, trained"
            })
    void twoHundredLayersChangeNoLength(String family) {
        double[] ratios = new double[4];
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            List<Block> layers = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                layers.add(square(family, 64));
            }
            for (int net = 0; net < ratios.length; net++) {
                Collections.shuffle(layers, new Random(net)); // another composition
                SequentialBlock network = new SequentialBlock();
                network.addAll(layers);
                network.initialize(manager, DataType.FLOAT32, new Shape(1, 64));
                NDArray point = manager.randomNormal(new Shape(64));
                NDArray g = manager.randomNormal(new Shape(64));
                ratios[net] = norm(pullback(network, point, g)) / norm(g);
                if (net == 0) {
                    float[] s =
                            JacobianSpectrum.singularValues(network, manager, point).toFloatArray();
                    assertThat(s).hasSize(64);
                    assertThat(s[0]).isCloseTo(1, within(1e-4f));
                    assertThat(s[63]).isCloseTo(1, within(1e-4f));
                }
            }
        }
        Arrays.sort(ratios);
        assertThat(ratios[0]).isCloseTo(1, within(1e-4)); // least, median and largest: 1.000
        assertThat(ratios[3]).isCloseTo(1, within(1e-4));
    }

    /** Widths that never fall, or never rise; falling after rising is not isometric. */
    @Property(tries = 25)
    void compositionsAreIsometric(
            @ForAll @IntRange(min = 1, max = 24) int start,
            @ForAll @IntRange(min = 1, max = 10) int depth,
            @ForAll boolean expanding,
            @ForAll long seed) {
        Random random = new Random(seed);
        Engine.getEngine("PyTorch").setRandomSeed(random.nextInt());
        SequentialBlock network = new SequentialBlock();
        int width = start;
        int widest = start;
        for (int i = 0; i < depth; i++) {
            Shape[] input = {new Shape(1, width)};
            List<Block> choice = choice(width, expanding);
            Block layer = choice.get(random.nextInt(choice.size()));
            network.add(layer);
            width = (int) layer.getOutputShapes(input)[0].get(1);
            widest = Math.max(widest, width);
        }
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            IsometryCatalogue.initialize(network, manager, DataType.FLOAT64, start);
            NDArray point = manager.randomNormal(0, 1, new Shape(start), DataType.FLOAT64);
            assertThat(deviation(network, manager, point)).isLessThan(1e-13 * widest * depth);
        }
    }

    /** Layers for an input of width n that expand, or contract, or do neither. */
    private static List<Block> choice(int n, boolean expanding) {
        return IsometryCatalogue.layers(n).values().stream()
                .filter(
                        layer -> {
                            Shape[] input = {new Shape(1, n)};
                            long p = layer.getOutputShapes(input)[0].get(1);
                            return p == n || p <= 40 && p > n == expanding;
                        })
                .toList();
    }

    @Test
    void expandingAndThenContractingIsNot() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = between(FixedIsometry.abs(), 64, 16);
            network.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
            NDArray point = manager.randomNormal(0, 1, new Shape(16), DataType.FLOAT64);
            assertThat(deviation(network, manager, point)).isGreaterThan(0.1);
        }
    }

    /** What must fail the check does; see also {@link FoldTest}. */
    @Test
    void theCheckSeesWhatIsNotIsometric() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray point = manager.randomNormal(0, 1, new Shape(16), DataType.FLOAT64);
            SequentialBlock feedforward = between(Activation.reluBlock(), 16, 0);
            SequentialBlock halved = between(new HouseholderActivation(), 16, 0);
            NDArray factor = manager.create(Math.sqrt(0.5));
            halved.addSingleton(x -> x.mul(factor));
            for (SequentialBlock control : List.of(feedforward, halved)) {
                control.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
                assertThat(deviation(control, manager, point)).isGreaterThan(0.49);
            }
            NDArray w =
                    new OrthogonalInitializer()
                            .initialize(manager, new Shape(40, 16), DataType.FLOAT64);
            Block tooManyRows =
                    LambdaBlock.singleton(
                            x -> {
                                NDArray z = Activation.relu(x.matMul(w.transpose()));
                                return x.sub(z.matMul(w).mul(2));
                            });
            assertThat(deviation(tooManyRows, manager, point)).isGreaterThan(0.1);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ResidualFold.builder().setWidth(16).optRows(40).build())
                .withMessageContaining("[1, 16]");
    }

    @Test
    void badValuesAreNamed() {
        List<Runnable> calls =
                List.of(
                        () -> FixedIsometry.shiftedAbs(Double.NaN),
                        () -> FixedIsometry.sawtooth(Double.NaN),
                        () -> FixedIsometry.sawtooth(0),
                        () -> OrthogonalLinear.builder().build());
        List<String> texts =
                List.of(
                        "shift must be finite, was NaN",
                        "period must be positive and finite, was NaN",
                        "positive and finite, was 0.0",
                        "units must be at least 1, was 0");
        IntStream.range(0, calls.size())
                .forEach(
                        i ->
                                assertThatIllegalArgumentException()
                                        .isThrownBy(calls.get(i)::run)
                                        .withMessageContaining(texts.get(i)));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray odd = manager.ones(new Shape(2, 5));
            for (Block block : List.of(new HouseholderActivation(), FixedIsometry.groupSort(2))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> block.getOutputShapes(new Shape[] {odd.getShape()}))
                        .withMessageContaining("(2, 5)");
            }
            Block linear = OrthogonalLinear.builder().setUnits(3).build();
            linear.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> IsometryCatalogue.forward(linear, odd))
                    .withMessageContaining("[.., 4], were (2, 5)");
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    new LooksLinearInitializer()
                                            .initialize(manager, odd.getShape(), DataType.FLOAT32))
                    .withMessageContaining("(2, 5)");
        }
    }

    @Test
    void valuesByHand() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.create(new float[] {3, -4, 0.5f, 2}, new Shape(1, 4));
            check(FixedIsometry.abs(), x, 3, 4, 0.5f, 2);
            check(FixedIsometry.shiftedAbs(1), x, 3, 2, 0.5f, 2);
            // period 4: z for |z| < 1, then down to -1 at 3, and up
            check(FixedIsometry.sawtooth(4), x, -1, 0, 0.5f, 0);
        }
    }

    private static void check(Block layer, NDArray x, float... expected) {
        assertThat(IsometryCatalogue.forward(layer, x).toFloatArray())
                .as(layer.toString())
                .containsExactly(expected, within(1e-6f));
    }

    @Test
    void nothingIsLeftBehind() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block[] blocks = {
                OrthogonalLinear.builder()
                        .setUnits(8)
                        .optParametrization(Parametrization.HOUSEHOLDER)
                        .build(),
                new HouseholderActivation(),
                PersistentFold.builder().setWidth(8).setDirections(2).build()
            };
            for (Block block : blocks) {
                block.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
                NDArray x = manager.randomNormal(new Shape(3, 8));
                IsometryCatalogue.forward(block, x).close();
                int before = manager.getManagedArrays().size();
                for (int i = 0; i < 20; i++) {
                    IsometryCatalogue.forward(block, x).close();
                }
                assertThat(manager.getManagedArrays()).as(block.toString()).hasSize(before);
            }
        }
    }
}

package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The maps against reference values computed independently in float64. */
class SpectralMapOracleTest {

    @TestFactory
    List<DynamicTest> polar() {
        // inputs and values have 12 digits; a condition number of 1e4 takes 4 of them
        return eachCase(SpectralMap.polar(), "polar", 1e-11, 2e-9);
    }

    @TestFactory
    List<DynamicTest> newtonSchulz() {
        return eachCase(SpectralMap.newtonSchulz(), "ns5", 1e-11, 2e-9);
    }

    @TestFactory
    List<DynamicTest> power() {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject golden : cases()) {
            for (var entry : golden.getAsJsonObject("freon").entrySet()) {
                JsonObject power = entry.getValue().getAsJsonObject();
                SpectralMap map = SpectralMap.power(power.get("c").getAsDouble());
                double allowed = isIllConditioned(golden) ? 2e-9 : 2e-12;
                tests.add(
                        DynamicTest.dynamicTest(
                                golden.get("name").getAsString() + " " + map,
                                () -> compare(map, golden, power.get("D"), allowed)));
            }
        }
        return tests;
    }

    /** Relative, but absolute below 1: a matrix of one row is mapped to zero, up to rounding. */
    @TestFactory
    List<DynamicTest> chaotic() {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject golden : cases()) {
            tests.add(
                    DynamicTest.dynamicTest(
                            golden.get("name").getAsString(), () -> compareChaotic(golden)));
        }
        return tests;
    }

    private static void compareChaotic(JsonObject golden) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray expected = Oracle.matrix(manager, golden.get("kaon5"));
            NDArray actual = SpectralMap.chaotic(5).apply(Oracle.matrix(manager, golden.get("G")));
            double size = Math.max(1, expected.norm().getDouble());
            double allowed = isIllConditioned(golden) ? 2e-9 : 2e-12;
            assertThat(actual.sub(expected).norm().getDouble()).isLessThan(allowed * size);
        }
    }

    /** The reference drops j singular values and leaves the scale; ours has mean square 1. */
    @TestFactory
    List<DynamicTest> truncated() {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject golden : cases()) {
            double k = golden.getAsJsonArray("sigma").size();
            for (var entry : golden.getAsJsonObject("trunc").entrySet()) {
                SpectralMap map = SpectralMap.truncated(Integer.parseInt(entry.getKey()) / k);
                JsonElement rows = entry.getValue().getAsJsonObject().get("G");
                if (rows == null) {
                    continue; // one case gives the polar variant only
                }
                double allowed = isIllConditioned(golden) ? 2e-9 : 2e-12;
                tests.add(
                        DynamicTest.dynamicTest(
                                golden.get("name").getAsString() + " " + map,
                                () -> compareNormalised(map, golden, rows, k, allowed)));
            }
        }
        return tests;
    }

    private static void compareNormalised(
            SpectralMap map, JsonObject golden, JsonElement rows, double k, double tolerance) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray remainder = Oracle.matrix(manager, rows);
            NDArray expected = remainder.mul(Math.sqrt(k) / remainder.norm().getDouble());
            NDArray actual = map.apply(Oracle.matrix(manager, golden.get("G")));
            assertThat(Oracle.relativeDistance(actual, expected)).isLessThan(tolerance);
        }
    }

    @TestFactory
    List<DynamicTest> float32AgreesWithFloat64OnTheSameInput() {
        List<DynamicTest> tests = new ArrayList<>();
        for (SpectralMap map : List.of(SpectralMap.polar(), SpectralMap.newtonSchulz())) {
            for (var golden : Oracle.read("spectral-maps.json").getAsJsonArray("cases")) {
                JsonElement rows = golden.getAsJsonObject().get("G");
                String name = map + " " + golden.getAsJsonObject().get("name").getAsString();
                tests.add(DynamicTest.dynamicTest(name, () -> compareTypes(map, rows)));
            }
        }
        return tests;
    }

    private static void compareTypes(SpectralMap map, JsonElement rows) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray rounded = Oracle.matrix(manager, rows).toType(DataType.FLOAT32, false);
            NDArray exact = map.apply(rounded.toType(DataType.FLOAT64, false));
            assertThat(Oracle.relativeDistance(map.apply(rounded), exact)).isLessThan(1e-5);
        }
    }

    /**
     * Copies along the diagonal have the copies of the image, and the sizes and types that train:
     * more than 32 rows, and enough entries for the rational route, in float32.
     */
    @TestFactory
    List<DynamicTest> productionRoutesMeetTheReference() {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject golden : cases()) {
            int k = golden.getAsJsonArray("sigma").size();
            String name = golden.get("name").getAsString() + " ";
            if (isIllConditioned(golden)) {
                continue; // 1e-4 of the largest: below what the polar map promises
            }
            for (int copies : new int[] {36 / k + 1, 200 / k}) {
                SpectralMap polar = SpectralMap.polar();
                JsonElement factor = golden.get("polar");
                tests.add(
                        DynamicTest.dynamicTest(
                                name + copies + " " + polar,
                                () -> compareCopies(polar, golden, factor, copies, 0.02)));
                for (var entry : golden.getAsJsonObject("freon").entrySet()) {
                    JsonObject power = entry.getValue().getAsJsonObject();
                    SpectralMap map = SpectralMap.power(power.get("c").getAsDouble());
                    tests.add(
                            DynamicTest.dynamicTest(
                                    name + copies + " " + map,
                                    () ->
                                            compareCopies(
                                                    map, golden, power.get("D"), copies, 2e-5)));
                }
            }
        }
        return tests;
    }

    private static void compareCopies(
            SpectralMap map, JsonObject golden, JsonElement rows, int copies, double tolerance) {
        // On a GPU products of bfloat16 numbers move small singular values by more.
        Engine engine = Engine.getEngine("PyTorch");
        boolean polar = map.toString().equals(SpectralMap.polar().toString());
        Device device = polar ? Device.cpu() : engine.defaultDevice();
        try (NDManager manager = engine.newBaseManager(device)) {
            NDArray g = copied(Oracle.matrix(manager, golden.get("G")), copies);
            NDArray single = g.toType(DataType.FLOAT32, false);
            NDArray expected = copied(Oracle.matrix(manager, rows), copies);
            assertThat(map.kernel(g.getShape(), DataType.FLOAT32, g.getDevice()).toString())
                    .doesNotStartWith("exact");
            assertThat(Oracle.relativeDistance(map.apply(single), expected)).isLessThan(tolerance);
        }
    }

    private static NDArray copied(NDArray block, int copies) {
        long rows = block.getShape().get(0);
        long columns = block.getShape().get(1);
        NDArray matrix =
                block.getManager()
                        .zeros(new Shape(rows * copies, columns * copies), DataType.FLOAT64);
        for (int i = 0; i < copies; i++) {
            matrix.set(
                    new NDIndex(
                            "{}:{}, {}:{}",
                            i * rows,
                            (i + 1) * rows,
                            i * columns,
                            (i + 1) * columns),
                    block);
        }
        return matrix;
    }

    private static List<DynamicTest> eachCase(
            SpectralMap map, String field, double tolerance, double illConditionedTolerance) {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject golden : cases()) {
            double allowed = isIllConditioned(golden) ? illConditionedTolerance : tolerance;
            tests.add(
                    DynamicTest.dynamicTest(
                            golden.get("name").getAsString(),
                            () -> compare(map, golden, golden.get(field), allowed)));
        }
        return tests;
    }

    private static List<JsonObject> cases() {
        List<JsonObject> cases = new ArrayList<>();
        Oracle.read("spectral-maps.json")
                .getAsJsonArray("cases")
                .forEach(golden -> cases.add(golden.getAsJsonObject()));
        return cases;
    }

    private static boolean isIllConditioned(JsonObject golden) {
        return golden.get("name").getAsString().contains("illcond");
    }

    private static void compare(
            SpectralMap map, JsonObject golden, JsonElement rows, double tolerance) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray expected = Oracle.matrix(manager, rows);
            NDArray actual = map.apply(Oracle.matrix(manager, golden.get("G")));
            assertThat(Oracle.relativeDistance(actual, expected)).isLessThan(tolerance);
        }
    }
}

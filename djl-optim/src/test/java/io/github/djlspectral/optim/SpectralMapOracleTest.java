package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
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

    private static List<DynamicTest> eachCase(
            SpectralMap map, String field, double tolerance, double illConditionedTolerance) {
        List<DynamicTest> tests = new ArrayList<>();
        for (var element : Oracle.read("spectral-maps.json").getAsJsonArray("cases")) {
            JsonObject golden = element.getAsJsonObject();
            String name = golden.get("name").getAsString();
            double allowed = name.contains("illcond") ? illConditionedTolerance : tolerance;
            tests.add(DynamicTest.dynamicTest(name, () -> compare(map, golden, field, allowed)));
        }
        return tests;
    }

    private static void compare(
            SpectralMap map, JsonObject golden, String field, double tolerance) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = Oracle.matrix(manager, golden.get("G"));
            NDArray expected = Oracle.matrix(manager, golden.get(field));
            NDArray actual = map.apply(input);
            assertThat(Oracle.relativeDistance(actual, expected)).isLessThan(tolerance);
        }
    }
}

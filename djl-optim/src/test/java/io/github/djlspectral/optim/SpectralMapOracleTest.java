package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
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
        return eachCase(SpectralMap.polar(), "polar", DataType.FLOAT64, 1e-11, 2e-9);
    }

    @TestFactory
    List<DynamicTest> newtonSchulz() {
        return eachCase(SpectralMap.newtonSchulz(), "ns5", DataType.FLOAT64, 1e-11, 2e-9);
    }

    @TestFactory
    List<DynamicTest> polarFloat32() {
        // rounding the input to float32 moves the ill-conditioned polar factor by 6e-8 * 1e4
        return eachCase(SpectralMap.polar(), "polar", DataType.FLOAT32, 1e-5, 1e-3);
    }

    @TestFactory
    List<DynamicTest> newtonSchulzFloat32() {
        return eachCase(SpectralMap.newtonSchulz(), "ns5", DataType.FLOAT32, 1e-5, 1e-4);
    }

    private static List<DynamicTest> eachCase(
            SpectralMap map,
            String field,
            DataType type,
            double tolerance,
            double illConditionedTolerance) {
        List<DynamicTest> tests = new ArrayList<>();
        for (var element : Oracle.read("spectral-maps.json").getAsJsonArray("cases")) {
            JsonObject golden = element.getAsJsonObject();
            String name = golden.get("name").getAsString();
            double allowed = name.contains("illcond") ? illConditionedTolerance : tolerance;
            tests.add(
                    DynamicTest.dynamicTest(
                            name + " " + type, () -> compare(map, golden, field, type, allowed)));
        }
        return tests;
    }

    private static void compare(
            SpectralMap map, JsonObject golden, String field, DataType type, double tolerance) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = Oracle.matrix(manager, golden.get("G")).toType(type, false);
            NDArray expected = Oracle.matrix(manager, golden.get(field));
            NDArray actual = map.apply(input).toType(DataType.FLOAT64, false);
            assertThat(Oracle.relativeDistance(actual, expected)).isLessThan(tolerance);
        }
    }
}

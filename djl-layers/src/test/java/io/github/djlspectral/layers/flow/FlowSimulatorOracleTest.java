package io.github.djlspectral.layers.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Trajectories of the authors' program, in float64. */
class FlowSimulatorOracleTest {

    @TestFactory
    List<DynamicTest> followsTheReferenceTrajectories() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        try (Reader reader =
                new InputStreamReader(
                        FlowSimulatorOracleTest.class.getResourceAsStream("gradient-flows.json"),
                        StandardCharsets.UTF_8)) {
            JsonObject file = JsonParser.parseReader(reader).getAsJsonObject();
            for (JsonElement element : file.getAsJsonArray("cases")) {
                JsonObject golden = element.getAsJsonObject();
                String name =
                        golden.get("kind") + " d=" + golden.get("d") + " H=" + golden.get("H");
                tests.add(DynamicTest.dynamicTest(name, () -> compare(golden)));
            }
        }
        return tests;
    }

    private static void compare(JsonObject golden) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double dt = golden.get("dt").getAsDouble();
            int steps = (int) Math.round(golden.get("T").getAsDouble() / dt);
            boolean ou = golden.get("kind").getAsString().equals("ou");
            FlowSimulator.Builder builder =
                    FlowSimulator.builder()
                            .setTokens(array(manager, golden.get("x0")))
                            .setWeights(array(manager, golden.get("D0")))
                            .setDrift(ou ? Drift.ornsteinUhlenbeck() : Drift.oscillating())
                            .setStepSize(dt)
                            .setSteps(steps)
                            .optRecordEvery(golden.get("record_every").getAsInt())
                            .optNoiseVariance(golden.get("noise_var").getAsDouble());
            if (ou) {
                builder.optIncrements(array(manager, golden.get("dW_sym")));
            }
            FlowRecord record = builder.build().run();
            check(record.time(), golden.get("t"));
            check(record.energy(), golden.get("E"));
            check(record.slope(), golden.get("G2"));
            check(record.energyDrift(), golden.get("dE_int"));
            check(record.slopeIntegral(), golden.get("G2_int"));
            check(record.slopeResidual(), golden.get("EDI_residual"));
            if (ou) {
                check(record.martingale(), golden.get("add_int"));
            } else {
                JsonObject extra = golden.getAsJsonObject("extra_not_official");
                check(record.dissipation(), extra.get("dissipation_exact"));
                check(record.dissipationIntegral(), extra.get("dissipation_exact_int"));
                check(record.residual(), extra.get("EDI_residual_exact"));
            }
            NDArray last = record.tokens().get(record.time().length - 1);
            check(last.toDoubleArray(), golden.get("x_final"));
            check(record.weights().toDoubleArray(), golden.get("D_final"));
        }
    }

    /** Relative to the largest value of the series: a residual is a difference of large ones. */
    private static void check(double[] actual, JsonElement expected) {
        double[] values = flat(expected);
        assertThat(actual).hasSameSizeAs(values);
        double scale = Math.max(1e-3, Arrays.stream(values).map(Math::abs).max().orElseThrow());
        for (int i = 0; i < values.length; i++) {
            assertThat(actual[i]).as("entry %d", i).isCloseTo(values[i], within(1e-10 * scale));
        }
    }

    private static NDArray array(NDManager manager, JsonElement nested) {
        List<Long> shape = new ArrayList<>();
        for (JsonElement e = nested; e.isJsonArray(); e = e.getAsJsonArray().get(0)) {
            shape.add((long) e.getAsJsonArray().size());
        }
        return manager.create(flat(nested), new Shape(shape));
    }

    private static double[] flat(JsonElement nested) {
        if (!nested.isJsonArray()) {
            return new double[] {nested.getAsDouble()};
        }
        JsonArray array = nested.getAsJsonArray();
        double[][] parts = new double[array.size()][];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = flat(array.get(i));
        }
        return Arrays.stream(parts).flatMapToDouble(Arrays::stream).toArray();
    }
}

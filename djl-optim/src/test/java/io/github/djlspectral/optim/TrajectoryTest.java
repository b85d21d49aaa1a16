package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Optimizers against reference runs: they minimise 0.5 |A W B - Y|^2 for 25 steps. */
class TrajectoryTest {

    static Stream<Arguments> runs() {
        Muon.Builder muon = Muon.builder().optMap(SpectralMap.newtonSchulz());
        return Stream.of(
                arguments("muon_ema", muon.optWeightDecays(0.01f).build()),
                arguments("muon_ema_eps1e-7", muon.build()),
                arguments("muon_sgdmom", muon.build()),
                arguments("freon_2_3_ema", freon(0, Freon.Method.EIGH)),
                arguments("freon_2_3_ema", freon(0, Freon.Method.SVD)),
                arguments("kaon_ema", Kaon.builder().optWeightDecays(0.01f).build()));
    }

    private static Freon freon(double floor, Freon.Method route) {
        return Freon.builder().optFloor(floor).optMethod(route).optWeightDecays(0.01f).build();
    }

    @ParameterizedTest
    @MethodSource("runs")
    void followsTheReference(String name, SpectralOptimizer optimizer) {
        JsonObject golden = Oracle.read("optimizer-trajectories.json");
        JsonObject run = golden.getAsJsonObject("runs").getAsJsonObject(name);
        JsonArray losses = run.getAsJsonArray("loss");
        JsonObject weights = run.getAsJsonObject("W");
        try (optimizer;
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray a = Oracle.matrix(manager, golden.get("A"));
            NDArray b = Oracle.matrix(manager, golden.get("B"));
            NDArray y = Oracle.matrix(manager, golden.get("Y"));
            NDArray w = Oracle.matrix(manager, golden.get("W0"));
            for (int step = 0; step <= 25; step++) {
                NDArray residual = a.matMul(w).matMul(b).sub(y);
                double loss = residual.square().sum().getDouble() / 2;
                // 0.02 and 0.95 are float32 numbers in DJL: 2e-8 relative
                double expected = losses.get(step).getAsDouble();
                assertThat(loss).isCloseTo(expected, within(1e-6 * expected));
                if (weights.has(String.valueOf(step))) {
                    NDArray reference = Oracle.matrix(manager, weights.get(String.valueOf(step)));
                    assertThat(Oracle.relativeDistance(w, reference)).isLessThan(1e-6);
                }
                optimizer.update("w", w, a.transpose().matMul(residual).matMul(b.transpose()));
            }
        }
    }
}

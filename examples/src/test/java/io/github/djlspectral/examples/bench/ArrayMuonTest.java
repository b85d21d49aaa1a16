package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArrayMuonTest {

    @ParameterizedTest
    @CsvSource({"8, 8", "8, 20", "20, 8"})
    void takesTheStepsOfTheNativeReference(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optMap(SpectralMap.newtonSchulz())
                                .optWeightDecays(0.01f)
                                .build()) {
            Engine.getEngine("PyTorch").setRandomSeed(1);
            NDArray expected = manager.randomNormal(new Shape(rows, columns));
            NDArray weight = expected.duplicate();
            ArrayMuon arrays = new ArrayMuon();
            for (int step = 0; step < 5; step++) {
                NDArray gradient = manager.randomNormal(new Shape(rows, columns));
                muon.update("w", expected, gradient);
                arrays.update("w", weight, gradient);
            }
            // Steps are of 0.02 sqrt(rows / columns) and rounded to float32 in another order.
            assertThat(weight.sub(expected).abs().max().getFloat()).isLessThan(1e-5f);
            assertThat(manager.getManagedArrays().size()).isLessThan(20);
        }
    }
}

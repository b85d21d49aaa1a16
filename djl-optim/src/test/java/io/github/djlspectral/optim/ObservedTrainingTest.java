package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.optim.diagnostics.SpectrumRecorder;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Measuring spectra while training. */
class ObservedTrainingTest {

    private static final int STEPS = 7;

    static Stream<Function<UpdateObserver, SpectralOptimizer>> optimizers() {
        return Stream.of(
                observer -> Muon.builder().optObserver(observer).build(),
                observer -> Freon.builder().optObserver(observer).build(),
                observer -> Kaon.builder().optObserver(observer).build(),
                observer -> Kaon.builder().optRandomSpectrum(5).optObserver(observer).build(),
                observer -> TruncatedSgd.builder().optObserver(observer).build());
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void trainingGoesOnBitForBit(Function<UpdateObserver, SpectralOptimizer> optimizer) {
        SpectrumRecorder recorder = new SpectrumRecorder(2);
        try (SpectralOptimizer plain = optimizer.apply(new SpectrumRecorder(0));
                SpectralOptimizer observed = optimizer.apply(recorder);
                TinyTraining expected = new TinyTraining(plain);
                TinyTraining actual = new TinyTraining(observed)) {
            expected.train(1, STEPS);
            actual.train(1, STEPS);
            assertThat(recorder.take())
                    .extracting(UpdateSpectra::step)
                    .containsExactly(2, 2, 2, 4, 4, 4, 6, 6, 6); // three matrices
            List<float[]> weights = actual.weights();
            List<float[]> others = expected.weights();
            for (int i = 0; i < weights.size(); i++) {
                assertThat(weights.get(i)).containsExactly(others.get(i));
            }
        }
    }

    @Test
    void muonsUpdateIsFlatAndNothingLeaks() {
        SpectrumRecorder recorder = new SpectrumRecorder(1);
        try (Muon muon = Muon.builder().optObserver(recorder).build();
                TinyTraining training = new TinyTraining(muon)) {
            training.train(1, 1);
            int arrays = arraysInReach(training);
            training.train(2, STEPS);
            assertThat(arraysInReach(training)).isEqualTo(arrays);
            List<UpdateSpectra> spectra = recorder.take();
            assertThat(spectra).hasSize(3 * STEPS);
            for (UpdateSpectra measured : spectra) {
                // up to 32 rows the map is exact; rounded to float32
                assertThat(measured.update().largest()).isCloseTo(1, within(1e-6));
                assertThat(measured.momentum().stableRank())
                        .isLessThan(measured.update().stableRank());
            }
        }
    }

    private static int arraysInReach(TinyTraining training) {
        int count = 0;
        for (NDManager m = training.trainer.getManager(); m != null; m = m.getParentManager()) {
            count += m.getManagedArrays().size();
        }
        return count;
    }
}

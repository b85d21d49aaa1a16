package io.github.djlspectral.optim.diagnostics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SpectrumRecorderTest {

    @Test
    void wantsMultiples() {
        SpectrumRecorder recorder = new SpectrumRecorder(5);
        assertThat(IntStream.rangeClosed(1, 16).filter(recorder::wants)).containsExactly(5, 10, 15);
        assertThat(IntStream.rangeClosed(1, 16).filter(new SpectrumRecorder(0)::wants)).isEmpty();
    }

    @Test
    void handsOutWhatItMeasuredOnceInOrder() {
        SpectrumRecorder recorder = new SpectrumRecorder(1);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray momentum = Matrices.withSpectrum(manager, 1, 3, 4, 4, 2, 1);
            NDArray update = Matrices.withSpectrum(manager, 1, 3, 4, 1, 1, 1);
            recorder.observe("b", 1, 1, momentum, update);
            recorder.observe("a", 2, 1, update, momentum);
            recorder.observe("a", 1, 1, momentum, momentum);
            assertThat(recorder.take())
                    .containsExactly(
                            new UpdateSpectra(1, "a", Spectrum.of(momentum), Spectrum.of(momentum)),
                            new UpdateSpectra(1, "b", Spectrum.of(momentum), Spectrum.of(update)),
                            new UpdateSpectra(2, "a", Spectrum.of(update), Spectrum.of(momentum)));
            assertThat(recorder.take()).isEmpty();
            recorder.observe("c", 3, 2, momentum.stack(update), update.stack(momentum));
            assertThat(recorder.take())
                    .containsExactly(
                            new UpdateSpectra(
                                    3, "c[0]", Spectrum.of(momentum), Spectrum.of(update)),
                            new UpdateSpectra(
                                    3, "c[1]", Spectrum.of(update), Spectrum.of(momentum)));
        }
    }

    @Test
    void refusesNegativeSteps() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SpectrumRecorder(-3))
                .withMessageContaining("at least 0, was -3");
    }
}

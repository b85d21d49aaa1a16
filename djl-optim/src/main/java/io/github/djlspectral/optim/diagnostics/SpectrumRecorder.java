package io.github.djlspectral.optim.diagnostics;

import ai.djl.ndarray.NDArray;
import io.github.djlspectral.optim.UpdateObserver;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Measures the spectra of every hidden matrix's momentum and update every few steps. It only reads,
 * so training goes on bit for bit as without it.
 *
 * <pre>{@code
 * SpectrumRecorder recorder = new SpectrumRecorder(100);
 * Muon muon = Muon.builder().optObserver(recorder).build();
 * ...
 * trainer.step();
 * recorder.take().forEach(System.out::println);     // something at steps 100, 200, ..
 * }</pre>
 *
 * <p>Thread-safe. What was measured is kept until it is taken: a kilobyte for each matrix and
 * measured step.
 */
public final class SpectrumRecorder implements UpdateObserver {

    private final int every;
    private final List<UpdateSpectra> measured = new ArrayList<>();

    /**
     * Creates a recorder.
     *
     * @param every the steps from one measurement to the next: it measures at multiples; 0: never;
     *     not negative
     */
    public SpectrumRecorder(int every) {
        if (every < 0) {
            throw new IllegalArgumentException("every must be at least 0, was " + every);
        }
        this.every = every;
    }

    @Override
    public boolean wants(int step) {
        return every > 0 && step % every == 0;
    }

    /** Measures each matrix; of several in one parameter, the first has the name with [0]. */
    @Override
    public void observe(String parameter, int step, int blocks, NDArray momentum, NDArray update) {
        for (int i = 0; i < blocks; i++) {
            String name = blocks == 1 ? parameter : parameter + "[" + i + "]";
            UpdateSpectra spectra =
                    new UpdateSpectra(
                            step, name, spectrum(blocks, momentum, i), spectrum(blocks, update, i));
            synchronized (measured) {
                measured.add(spectra);
            }
        }
    }

    private static Spectrum spectrum(int blocks, NDArray array, int i) {
        if (blocks == 1) {
            return Spectrum.of(array);
        }
        try (NDArray matrix = array.get(i)) {
            return Spectrum.of(matrix);
        }
    }

    /**
     * {@return what was measured since the last call, immutable, by step, then by the parameter's
     * name; on several devices one for each} It is forgotten.
     */
    public List<UpdateSpectra> take() {
        synchronized (measured) {
            List<UpdateSpectra> taken =
                    measured.stream()
                            .sorted(
                                    Comparator.comparingInt(UpdateSpectra::step)
                                            .thenComparing(UpdateSpectra::parameter))
                            .toList();
            measured.clear();
            return taken;
        }
    }
}

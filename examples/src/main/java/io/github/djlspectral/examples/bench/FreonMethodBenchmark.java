package io.github.djlspectral.examples.bench;

import io.github.djlspectral.optim.Freon;
import java.util.Locale;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/** Freon's step by the ways to compute a power, float32, exponent 2/3 with its default floor. */
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 3, time = 2)
public class FreonMethodBenchmark extends EngineBenchmark {

    @Param("routes")
    String suite;

    /** The shape of the weight, rows x columns. */
    @Param({"16x64", "64x256", "256x1024", "768x768", "768x3072"})
    String subject;

    /** A {@link Freon.Method}, in words. */
    @Param({"eigh", "svd", "partial fractions"})
    String contender;

    private TrainedWeight weight;
    private Freon freon;

    @Override
    void make() {
        weight = TrainedWeight.matrix(manager, subject);
        String method = contender.toUpperCase(Locale.ROOT).replace(' ', '_');
        freon = Freon.builder().optMethod(Freon.Method.valueOf(method)).build();
    }

    @Override
    void finish() {
        freon.close();
    }

    /** One step. */
    @Benchmark
    public void freon() {
        weight.update(freon);
    }
}

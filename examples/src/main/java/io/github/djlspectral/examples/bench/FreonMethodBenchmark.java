package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Freon;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Freon's step by the ways to compute a power, float32, exponent 2/3 with its default floor. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.ROUTES,
        subject = "{shape}",
        contender = "{method}",
        against = "eigh",
        quick = "(16x64|64x256|256x1024)")
public class FreonMethodBenchmark {

    /** The shape of the weight, rows x columns. */
    @Param({"16x64", "64x256", "256x1024", "768x768", "768x3072"})
    public String shape;

    /** The computation. */
    @Param({"EIGH", "SVD", "PARTIAL_FRACTIONS"})
    public Freon.Method method;

    /** Of all arrays. */
    NDManager manager;

    private NDArray weight;
    private NDArray gradient;
    private Freon freon;

    /** Creates the arrays and the optimizer. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        long[] sides = Arrays.stream(shape.split("x")).mapToLong(Long::parseLong).toArray();
        weight = manager.randomNormal(new Shape(sides));
        gradient = manager.randomNormal(new Shape(sides));
        freon = Freon.builder().optMethod(method).build();
    }

    /** Frees them. */
    @TearDown
    public void close() {
        freon.close();
        manager.close();
    }

    /** One step. */
    @Benchmark
    public void freon() {
        freon.update("w", weight, gradient);
    }
}

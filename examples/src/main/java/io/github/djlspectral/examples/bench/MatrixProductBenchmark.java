package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.TorchScript;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Products of two matrices of 2048 x 2048, 17.18 GFLOP each, in memory that is there already. In
 * float32 a candidate for the peak that everything else is a share of; the other one is the product
 * of 1024 x 1024 before each round, and the faster one it is.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(suite = Suite.GPT2, subject = "product 2048", contender = "ours, {format}")
public class MatrixProductBenchmark {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(MatrixProductBenchmark.class, "product.py");
    private static final int PRODUCTS = 4; // rounding to bfloat16 is then a hundredth of the time

    /** The number format of the factors; sums are float32. */
    @Param({"float32", "bfloat16"})
    public String format;

    /** The rows and columns. */
    int side = 2048;

    /** Of all arrays. */
    NDManager manager;

    private NDArray left;
    private NDArray right;
    private int type;

    /** Creates the factors. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        left = manager.randomNormal(new Shape(side, side));
        right = manager.randomNormal(new Shape(side, side));
        type = format.equals("bfloat16") ? 15 : 6;
    }

    /** Frees them. */
    @TearDown
    public void close() {
        manager.close();
    }

    /**
     * Some products.
     *
     * @return an element of the last
     */
    @Benchmark
    @OperationsPerInvocation(PRODUCTS)
    public double products() {
        return KERNELS.callDouble(manager, "products", left, right, type, PRODUCTS);
    }
}

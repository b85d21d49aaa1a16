package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.Compared;
import io.github.djlspectral.examples.bench.Suite;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Benchmarks of a few milliseconds, to test what runs benchmarks. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Compared(
        suite = Suite.ROUTES,
        subject = "tiny {size}",
        contender = "nap of {UNIT}",
        quick = "tiny 20")
public class TinyBenchmark {

    /** What to do; the name in capitals is like that of an enum's constants. */
    public enum Unit {
        /** A thousandth of a second. */
        MILLI_SECONDS
    }

    /** How long. */
    @Param({"20", "30"})
    public int size;

    /** Of what. */
    @Param public Unit UNIT;

    /** Waits. */
    @Benchmark
    public void nap() {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(size));
    }

    /** Fails. */
    @Benchmark
    @Compared(
            contender = "failure",
            against = {"failure", "nap of {UNIT}"})
    public void failure() {
        throw new IllegalStateException("nothing of size " + size);
    }

    /** Is not compared with anything, as it says; but inherits where it belongs. */
    @Benchmark
    @Compared(suite = Suite.LAYERS, subject = "other {size}", contender = "none", quick = "no")
    public void other() {}
}

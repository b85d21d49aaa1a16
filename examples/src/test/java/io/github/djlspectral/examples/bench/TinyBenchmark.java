package io.github.djlspectral.examples.bench;

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
public class TinyBenchmark {

    @Param("layers")
    String suite;

    @Param({"tiny 20", "tiny 30"})
    String subject;

    @Param({"nap", "failure"})
    String contender;

    /** Waits, or fails. */
    @Benchmark
    public void nap() {
        if (contender.equals("failure")) {
            throw new IllegalStateException("nothing of size " + subject);
        }
        int milliseconds = Integer.parseInt(subject.substring("tiny ".length()));
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(milliseconds));
    }
}

package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.optim.Muon;
import java.util.List;
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

/** Muon's update of the eight hidden matrices of a GPT-2 with two layers, against its width. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.GROWTH,
        subject = "{point}",
        contender = "Muon alone",
        quick = "width=(256|512)")
public class MuonGrowthBenchmark {

    /** The width. */
    @Param({"width=256", "width=512", "width=768", "width=1024", "width=1600"})
    public String point;

    /** Of all arrays. */
    NDManager manager;

    private List<TrainedWeight> hidden;
    private Muon muon;

    /** Creates the matrices. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        hidden = TrainedWeight.hidden(manager, GrowthPoint.parse(point).config());
        muon = Muon.builder().build();
    }

    /** Frees them. */
    @TearDown
    public void close() {
        muon.close();
        manager.close();
    }

    /** One update. */
    @Benchmark
    public void update() {
        hidden.forEach(weight -> weight.update(muon));
    }
}

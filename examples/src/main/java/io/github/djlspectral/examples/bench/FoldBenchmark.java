package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.ResidualFold;
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

/**
 * One isometric layer in the middle of a network, forward and backward, against a linear layer with
 * ReLU: width 512, batch 128, float32.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 8, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.LAYERS,
        subject = "width 512, batch 128",
        contender = "{layer}",
        against = "linear relu")
public class FoldBenchmark {

    private static final int WIDTH = 512;
    private static final int BATCH = 128;

    /** The layers. */
    public enum Layer {
        /** A linear layer and ReLU, of DJL. */
        LINEAR_RELU,
        /** A residual fold whose weight is a parameter. */
        RESIDUAL_FOLD,
        /** A residual fold whose weight an optimizer has just moved: it is retracted. */
        RESIDUAL_FOLD_RETRACTED,
        /** A residual fold whose weight is made from a skew-symmetric matrix. */
        RESIDUAL_FOLD_CAYLEY,
        /** A feedforward fold whose weight is a parameter. */
        ABS_FOLD;

        private Block block() {
            return switch (this) {
                case LINEAR_RELU ->
                        new SequentialBlock()
                                .add(Linear.builder().setUnits(WIDTH).build())
                                .add(Activation::relu);
                case RESIDUAL_FOLD -> residualFold(Parametrization.INITIAL);
                case RESIDUAL_FOLD_RETRACTED -> residualFold(Parametrization.RETRACTION);
                case RESIDUAL_FOLD_CAYLEY -> residualFold(Parametrization.CAYLEY);
                case ABS_FOLD ->
                        AbsFold.builder()
                                .setWidth(WIDTH)
                                .optParametrization(Parametrization.INITIAL)
                                .build();
            };
        }

        private static Block residualFold(Parametrization parametrization) {
            return ResidualFold.builder()
                    .setWidth(WIDTH)
                    .optParametrization(parametrization)
                    .build();
        }
    }

    /** The layer to measure. */
    @Param public Layer layer;

    /** Of all arrays. */
    NDManager manager;

    private Block block;
    private NDArray input;
    private NDArray moved;

    /** Creates the layer. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        block = layer.block();
        block.initialize(manager, DataType.FLOAT32, new Shape(BATCH, WIDTH));
        block.getParameters().values().forEach(FoldBenchmark::requireGradient);
        input = manager.randomNormal(new Shape(BATCH, WIDTH));
        input.setRequiresGradient(true);
        if (layer == Layer.RESIDUAL_FOLD_RETRACTED) {
            moved = block.getParameters().get("weight").getArray().duplicate();
            moved.addi(manager.randomNormal(moved.getShape()).mul(1e-3));
        }
    }

    private static void requireGradient(Parameter parameter) {
        parameter.getArray().setRequiresGradient(parameter.requiresGradient());
    }

    /** Frees it. */
    @TearDown
    public void close() {
        manager.close();
    }

    /** Forward and backward, for the input and all parameters. */
    @Benchmark
    public void gradients() {
        if (moved != null) {
            moved.copyTo(block.getParameters().get("weight").getArray());
        }
        try (NDManager scratch = manager.newSubManager();
                GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            input.attach(scratch);
            NDList output =
                    block.forward(new ParameterStore(scratch, false), new NDList(input), true);
            collector.backward(output.singletonOrThrow().sum());
            input.attach(manager);
        }
    }
}

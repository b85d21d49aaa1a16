package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.ResidualFold;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One isometric layer in the middle of a network, forward and backward, against a linear layer with
 * ReLU: width 512, batch 128, float32.
 */
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 8, time = 1)
public class FoldBenchmark extends EngineBenchmark {

    private static final int WIDTH = 512;
    private static final int BATCH = 128;
    private static final String LINEAR = "linear relu";
    private static final String RETRACTED = "residual fold retracted";

    @Param("layers")
    String suite;

    @Param("width " + WIDTH + ", batch " + BATCH)
    String subject;

    /**
     * A linear layer and ReLU, of DJL; a residual fold whose weight is a parameter, or one that an
     * optimizer has just moved, so that it is retracted, or is made from a skew-symmetric matrix; a
     * feedforward fold whose weight is a parameter.
     */
    @Param({LINEAR, "residual fold", RETRACTED, "residual fold cayley", "abs fold"})
    String contender;

    private Block block;
    private NDArray input;
    private NDArray moved;

    @Override
    void make() {
        block =
                switch (contender) {
                    case LINEAR ->
                            new SequentialBlock()
                                    .add(Linear.builder().setUnits(WIDTH).build())
                                    .add(Activation::relu);
                    case "residual fold" -> residualFold(Parametrization.INITIAL);
                    case RETRACTED -> residualFold(Parametrization.RETRACTION);
                    case "residual fold cayley" -> residualFold(Parametrization.CAYLEY);
                    default ->
                            AbsFold.builder()
                                    .setWidth(WIDTH)
                                    .optParametrization(Parametrization.INITIAL)
                                    .build();
                };
        block.initialize(manager, DataType.FLOAT32, new Shape(BATCH, WIDTH));
        block.getParameters()
                .values()
                .forEach(p -> p.getArray().setRequiresGradient(p.requiresGradient()));
        input = manager.randomNormal(new Shape(BATCH, WIDTH));
        input.setRequiresGradient(true);
        if (contender.equals(RETRACTED)) {
            moved = block.getParameters().get("weight").getArray().duplicate();
            moved.addi(manager.randomNormal(moved.getShape()).mul(1e-3));
        }
    }

    private static Block residualFold(Parametrization parametrization) {
        return ResidualFold.builder().setWidth(WIDTH).optParametrization(parametrization).build();
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

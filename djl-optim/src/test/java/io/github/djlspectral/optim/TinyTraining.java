package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A small perceptron and DJL's own training loop; data are a function of the step number. */
final class TinyTraining implements AutoCloseable {

    static final int INPUTS = 5;
    static final int OUTPUTS = 3;

    final Model model;
    final Trainer trainer;

    TinyTraining(Optimizer optimizer, Device... devices) {
        this(tinyModel(), optimizer, devices);
    }

    private static Model tinyModel() {
        Model model = Model.newInstance("tiny", "PyTorch");
        model.setBlock(perceptron(8));
        return model;
    }

    /** Trains a model with this network, of which a routing may have been made. */
    TinyTraining(Model model, Optimizer optimizer, Device... devices) {
        this(
                model,
                new DefaultTrainingConfig(Loss.l2Loss())
                        .optOptimizer(optimizer)
                        .optDevices(
                                devices.length == 0
                                        ? Engine.getInstance().getDevices(1)
                                        : devices));
    }

    /** Trains under a configuration whose loss fits. */
    TinyTraining(Model model, DefaultTrainingConfig config) {
        this.model = model;
        trainer = model.newTrainer(config);
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, INPUTS));
        fill(model.getBlock());
    }

    static SequentialBlock perceptron(int width) {
        return new SequentialBlock()
                .add(Linear.builder().setUnits(width).build())
                .add(LayerNorm.builder().build())
                .add(Activation::tanh)
                .add(Linear.builder().setUnits(width).build())
                .add(Activation::tanh)
                .add(Linear.builder().setUnits(OUTPUTS).build());
    }

    private static void fill(Block block) {
        Random random = new Random(7);
        for (Parameter parameter : BlockParameters.byName(block).values()) {
            float[] values = new float[(int) parameter.getArray().size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            NDArray array = parameter.getArray();
            try (NDArray source = array.getManager().create(values, array.getShape())) {
                array.setRequiresGradient(false);
                source.copyTo(array);
                array.setRequiresGradient(true);
            }
        }
    }

    Block block() {
        return model.getBlock();
    }

    /** Adds the gradients of the step's batch, of which each device takes a part. */
    void backward(int step) {
        Device[] devices = trainer.getDevices();
        try (NDManager scope = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            Random random = new Random(step);
            NDList x = gaussian(scope, random, 4, INPUTS).split(devices.length);
            NDList y = gaussian(scope, random, 4, OUTPUTS).split(devices.length);
            for (int i = 0; i < devices.length; i++) {
                NDList prediction =
                        trainer.forward(x.subNDList(i, i + 1).toDevice(devices[i], false));
                NDList label = y.subNDList(i, i + 1).toDevice(devices[i], false);
                collector.backward(trainer.getLoss().evaluate(label, prediction));
            }
        }
    }

    private static NDArray gaussian(NDManager manager, Random random, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return manager.create(values, new Shape(rows, columns));
    }

    void train(int firstStep, int lastStep) {
        for (int step = firstStep; step <= lastStep; step++) {
            backward(step);
            trainer.step();
        }
    }

    /** Copies the parameters of another training of the same architecture. */
    void copyWeights(TinyTraining other) {
        Map<String, Parameter> mine = BlockParameters.byName(block());
        BlockParameters.byName(other.block())
                .forEach(
                        (name, parameter) -> {
                            NDArray array = mine.get(name).getArray();
                            array.setRequiresGradient(false);
                            parameter.getArray().copyTo(array);
                            array.setRequiresGradient(true);
                        });
    }

    /** All weights, in the order of names. */
    List<float[]> weights() {
        List<float[]> weights = new ArrayList<>();
        for (Parameter parameter : BlockParameters.byName(block()).values()) {
            weights.add(parameter.getArray().toFloatArray());
        }
        return weights;
    }

    /** Puts NaN, infinity or any other value into one element of a gradient. */
    void poison(String name, float value) {
        try (NDArray gradient =
                BlockParameters.byName(block()).get(name).getArray().getGradient()) {
            gradient.setScalar(new NDIndex(0, 0), value);
        }
    }

    /** Updates one parameter alone. */
    static void update(Optimizer optimizer, Parameter parameter) {
        NDArray weight = parameter.getArray();
        try (NDArray gradient = weight.getGradient()) {
            optimizer.update(parameter.getId(), weight, gradient);
        }
    }

    /** All gradients, in the order of names. */
    List<float[]> gradients() {
        List<float[]> gradients = new ArrayList<>();
        for (Parameter parameter : BlockParameters.byName(block()).values()) {
            try (NDArray gradient = parameter.getArray().getGradient()) {
                gradients.add(gradient.toFloatArray());
            }
        }
        return gradients;
    }

    @Override
    public void close() {
        trainer.close();
        model.close();
    }
}

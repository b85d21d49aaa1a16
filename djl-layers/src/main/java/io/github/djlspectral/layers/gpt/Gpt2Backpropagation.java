package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.Objects;

/**
 * The gradient of {@link Gpt2#loss} on a CPU, without autograd: both passes written out, in memory
 * that is allocated once and used for every batch. Gradients are added to those attached to the
 * weights, so that this takes the place of a {@link GradientCollector}, up to rounding:
 *
 * <pre>{@code
 * try (Gpt2Backpropagation backpropagation =
 *         new Gpt2Backpropagation(gpt2, manager, batchSize, length)) {
 *     for (..) {
 *         double loss = backpropagation.accumulate(parameterStore, tokens, targets, 1);
 *         trainer.step();
 *     }
 * }
 * }</pre>
 *
 * <p>Autograd takes new memory for each intermediate result, which on a CPU costs more than filling
 * it, and computes each weight's gradient before it adds it. With {@link Precision#BFLOAT16}
 * operands of products with weights are rounded and everything else is of the weights' type. For
 * use by one thread at a time.
 */
public final class Gpt2Backpropagation implements AutoCloseable {

    private final Gpt2 model;
    final NDManager manager; // of the memory
    private final TorchScript kernels;
    private final Workspace workspace;
    private final NDList memory;

    /**
     * Allocates the memory.
     *
     * @param model the model, initialised
     * @param manager the manager to whose lifetime and device the memory is bound
     * @param batchSize the most sequences in a batch, at least 1
     * @param length the most tokens in a sequence, in [1, context length]
     * @throws IllegalArgumentException if a number is out of its range or this is not supported,
     *     see {@link #supports}
     * @throws ai.djl.nn.UninitializedParameterException if the model is not initialised
     */
    public Gpt2Backpropagation(Gpt2 model, NDManager manager, int batchSize, int length) {
        this(model, manager, batchSize, length, Workspace.MOST_LOGITS);
    }

    /** With another limit to the logits that are held at a time. */
    Gpt2Backpropagation(Gpt2 model, NDManager manager, int batchSize, int length, int mostLogits) {
        DataType type = model.weights.tokenEmbedding.getArray().getDataType();
        requireSupported(model, manager.getDevice());
        this.model = model;
        ProductFormat format = ProductFormat.of(model.precision, manager.getDevice());
        boolean rounded = format == ProductFormat.ROUNDED;
        workspace = new Workspace(model.getConfig(), batchSize, length, rounded, mostLogits);
        kernels = format.backpropagation(model.getConfig());
        this.manager = manager.newSubManager();
        memory = new NDList();
        for (Shape shape : workspace.shapes()) {
            memory.add(this.manager.create(shape, type));
        }
        NDScope.unregister(memory); // a scope around this constructor must not free it
    }

    /**
     * {@return whether a model's gradient can be computed in this way: on a CPU, without dropout,
     * if all of its parameters are initialised and to be trained, and products are not of bfloat16
     * numbers} On a CPU they are only where that is faster or chosen, see {@link
     * Precision#BFLOAT16}.
     *
     * @param model the model
     * @param device where it is to be trained
     */
    public static boolean supports(Gpt2 model, Device device) {
        return obstacle(model, device) == null;
    }

    private static void requireSupported(Gpt2 model, Device device) {
        String obstacle = obstacle(model, device);
        String fault = "Gpt2Backpropagation %s; use a GradientCollector";
        require(obstacle == null, fault, obstacle);
    }

    private static String obstacle(Gpt2 model, Device device) {
        if (device.isGpu()) {
            return "needs a CPU, got " + device;
        }
        if (model.getConfig().dropout() != 0) {
            return "needs dropout 0, got " + model.getConfig().dropout();
        }
        for (Parameter parameter : model.weights.all()) {
            String name = parameter.getName();
            if (!parameter.requiresGradient()) {
                return "needs all parameters to be trained, but " + name + " is frozen";
            }
            if (!parameter.isInitialized() || !parameter.getArray().hasGradient()) {
                String fault = "needs parameters with gradients, but %s has none: initialize the";
                return (fault + " model, also after loadParameters").formatted(name);
            }
        }
        if (ProductFormat.of(model.precision, device) == ProductFormat.BFLOAT16) {
            return "has no products of bfloat16 numbers, which are chosen here";
        }
        return null;
    }

    /**
     * {@return the bytes that the constructor allocates: for L layers, width C, H heads, vocabulary
     * V and N = batchSize length rows, {@code N ((16 L + 8) C + L (H + 4) + 2)} numbers, and logits
     * of as many rows, at most N, as make 52 million numbers, but at least one, so that chunks are
     * equal} If operands are rounded to bfloat16, also {@code 2 N C + max(V, 4 C) C}. Next to it a
     * pass takes some 4 N C numbers for a moment at a time.
     *
     * @param config the shape of the model
     * @param precision the format of its matrix products
     * @param type the type of its weights
     * @param batchSize the most sequences in a batch, at least 1
     * @param length the most tokens in a sequence, in [1, context length]
     */
    public static long bytes(
            Gpt2Config config, Precision precision, DataType type, int batchSize, int length) {
        boolean rounded = ProductFormat.of(precision, Device.cpu()) == ProductFormat.ROUNDED;
        Workspace workspace =
                new Workspace(config, batchSize, length, rounded, Workspace.MOST_LOGITS);
        return workspace.shapes().stream().mapToLong(Shape::size).sum() * type.getNumOfBytes();
    }

    /**
     * Adds the gradient of a batch's loss, times a factor, to the gradients attached to the
     * weights, as {@code collector.backward(loss.mul(scale))} would. Gradients that do not exist
     * yet are created, for which no gradient collector may be open. One native call.
     *
     * @param parameterStore the parameters on each device
     * @param tokens int64 [b, t], b at most the batch size, t at most the length; values in [0, V)
     * @param targets int64 [b, t]: the token that follows each token, in [0, V)
     * @param scale the factor
     * @return the mean loss, without the factor, in nats per token
     * @throws IllegalArgumentException if a shape, type or value is not as described, or the model
     *     is not supported any more, as a parameter is frozen; nothing has changed then
     */
    public double accumulate(
            ParameterStore parameterStore, NDArray tokens, NDArray targets, double scale) {
        Objects.requireNonNull(parameterStore, "parameterStore");
        model.getConfig().checkBatch(tokens, targets);
        workspace.checkRoom(tokens.getShape());
        requireSupported(model, manager.getDevice()); // something may have been frozen since
        NDList parameters = new NDList();
        for (Parameter parameter : model.weights.all()) {
            parameters.add(parameterStore.getValue(parameter, manager.getDevice(), true));
        }
        if (!kernels.callBoolean(manager, "has_gradients", parameters)) {
            createGradients(parameters);
        }
        return kernels.callDouble(
                manager, "accumulate", tokens, targets, parameters, memory, scale);
    }

    /** Adds zeros to the gradients, by autograd: it alone can attach them. */
    private void createGradients(NDList parameters) {
        try (NDManager scratch = manager.newSubManager();
                GradientCollector collector = manager.getEngine().newGradientCollector()) {
            NDArray zero = kernels.callWithGradient(scratch, "zero", parameters).singletonOrThrow();
            collector.backward(zero);
        }
    }

    /** Frees the memory. */
    @Override
    public void close() {
        manager.close();
    }

    /**
     * The memory, as {@code backpropagation.py} describes it, for at most so many sequences of so
     * many tokens, with at most so many logits at a time, but at least one row; rounded if operands
     * of products are.
     */
    record Workspace(
            Gpt2Config config, int batchSize, int length, boolean rounded, int mostLogits) {

        /** The usual limit. For each chunk the head's matrix is prepared for a product anew. */
        static final int MOST_LOGITS = 52_000_000;

        Workspace {
            requireAtLeast(1, "batchSize", batchSize);
            int most = config.contextLength();
            String rule = "length must be in [1, contextLength = %s], got %s";
            require(length >= 1 && length <= most, rule, most, length);
        }

        /** The shapes of the arrays, in the order in which the native function takes them. */
        List<Shape> shapes() {
            long n = rows();
            long layers = config.layers();
            long width = config.width();
            long largest = Math.max(config.vocabSize(), 4 * width) * width;
            return List.of(
                    new Shape(2 * layers + 1, n, width),
                    new Shape(2 * layers + 1, n, width),
                    new Shape(layers, n, 3 * width),
                    new Shape(layers, n, width),
                    new Shape(layers, n, 4 * width),
                    new Shape(layers, n, 4 * width),
                    new Shape(2 * layers + 1, 2, n, 1),
                    new Shape(layers, n, config.heads()),
                    new Shape(n, width),
                    new Shape(n, width),
                    new Shape(n, 4 * width),
                    new Shape(logitRows(), config.vocabSize()),
                    new Shape(2, rounded ? n * width : 0),
                    new Shape(rounded ? largest : 0));
        }

        void checkRoom(Shape tokens) {
            boolean fits = tokens.get(0) <= batchSize && tokens.get(1) <= length;
            String rule = "the workspace is for at most (%s, %s) tokens, got %s";
            require(fits, rule, batchSize, length, tokens);
        }

        private long rows() {
            return (long) batchSize * length;
        }

        /** Rows such that chunks are equal, but for the last. */
        private long logitRows() {
            long most = Math.max(1, mostLogits / config.vocabSize());
            long chunks = (rows() + most - 1) / most;
            return (rows() + chunks - 1) / chunks;
        }
    }
}

package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.SelfDescribingBlock;
import java.util.function.UnaryOperator;

/** A named function of one array, without parameters. */
abstract class FixedLayer extends SelfDescribingBlock implements IsometricLayer {

    final String name;
    private final UnaryOperator<NDArray> map;
    private final UnaryOperator<Shape> outputs;

    FixedLayer(String name, UnaryOperator<Shape> outputs, UnaryOperator<NDArray> map) {
        super("function", name);
        this.name = name;
        this.outputs = outputs;
        this.map = map;
    }

    /** Throws an IllegalArgumentException if the layer cannot take such an input. */
    abstract void check(Shape input);

    static void requireFinite(String what, double value) {
        require(Double.isFinite(value), "%s must be finite, was %s", what, value);
    }

    static boolean isMultiple(long value, int of) {
        return value > 0 && value % of == 0;
    }

    /** |x| with the slope 1 at 0, where that of {@link NDArray#abs} is 0. */
    static NDArray absolute(NDArray x) {
        NDArray negative = Activation.relu(x.neg());
        return negative.add(negative).add(x);
    }

    /** (relu(x), relu(-x)) along axis 1, with one of the slopes 1 at 0 too. */
    static NDArray concatenatedRelu(NDArray x) {
        NDArray positive = Activation.relu(x);
        return positive.concat(positive.sub(x), 1);
    }

    @Override
    protected final NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        getOutputShapes(new Shape[] {x.getShape()});
        return new NDList(apply(x));
    }

    /** Keeps what lies between input and output, which a graph holds itself, from the caller. */
    private NDArray apply(NDArray x) {
        try (NDManager scratch = x.getManager().newSubManager()) {
            NDArray view = x.reshape(x.getShape());
            view.attach(scratch);
            NDArray y = map.apply(view);
            y.attach(x.getManager());
            return y;
        }
    }

    @Override
    public final Shape[] getOutputShapes(Shape[] inputShapes) {
        check(inputShapes[0]);
        return new Shape[] {outputs.apply(inputShapes[0])};
    }

    @Override
    public final Block toPlain(NDManager manager) {
        return LambdaBlock.singleton(this::apply, name);
    }

    @Override
    public final String toString() {
        return name;
    }
}

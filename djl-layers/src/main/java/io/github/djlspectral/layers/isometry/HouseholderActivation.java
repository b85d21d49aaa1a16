package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.ConstantInitializer;
import io.github.djlspectral.layers.SelfDescribingBlock;

/**
 * The Householder activation with one trainable angle t for each pair z of neighbours, [.., n] to
 * [.., n], n even: {@code z - 2 max(0, n . z) n}, {@code n = (sin(t/2), -cos(t/2))}. The Jacobian
 * is orthogonal almost everywhere whatever the angles are, so any optimizer may move them; they are
 * a vector. Singla, Singla and Feizi, "Improved deterministic l2 robustness", ICLR 2022, without
 * the factor of 1/sqrt(2) that some implementations have and that loses half of the gradient's
 * energy. It reflects half of all pairs; see {@link Fold} on the rate of folds.
 */
public final class HouseholderActivation extends SelfDescribingBlock implements IsometricLayer {

    private final Parameter angles;

    /** Creates the layer. The angles are pi/2 at first, which sorts each pair, ascending. */
    public HouseholderActivation() {
        Parameter.Builder builder = Parameter.builder().setName("angles");
        builder.setType(Parameter.Type.OTHER);
        builder.optInitializer(new ConstantInitializer((float) (Math.PI / 2)));
        angles = addParameter(builder.build());
    }

    @Override
    protected void prepare(Shape[] inputShapes) {
        requireActivations(inputShapes[0]);
        angles.setShape(new Shape(inputShapes[0].get(inputShapes[0].dimension() - 1) / 2));
    }

    @Override
    protected NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        NDArray t = store.getValue(angles, x.getDevice(), training);
        requireActivations(x.getShape());
        Fold.requireActivations(x.getShape(), 2 * t.size());
        return OrthogonalWeight.KERNELS.forward(
                training, x.getManager(), "householder_activation", x, t);
    }

    private static void requireActivations(Shape shape) {
        int last = shape.dimension() - 1;
        boolean legal = last > 0 && shape.get(last) > 0 && shape.get(last) % 2 == 0;
        String rule = "HouseholderActivation takes activations [.., n], n even, got %s";
        require(legal, rule, shape);
    }

    @Override
    public Block materialise(NDManager manager) {
        HouseholderActivation copy = new HouseholderActivation();
        OrthogonalWeight.beginWith(copy.angles, angles);
        NDArray t = angles.getArray();
        copy.initialize(manager, t.getDataType(), new Shape(1, 2 * t.size()));
        return copy;
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        requireActivations(inputShapes[0]);
        return new Shape[] {inputShapes[0]};
    }
}

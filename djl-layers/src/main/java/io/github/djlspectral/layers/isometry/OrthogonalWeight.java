package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.ConstantInitializer;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;

/** A matrix [rows, columns] with orthonormal rows, behind the parameters that it is made from. */
final class OrthogonalWeight {

    static final TorchScript KERNELS =
            TorchScript.ofResources(OrthogonalWeight.class, "isometry.py");

    // Largest entry of W W^T - I after which a weight counts as moved: a few rounding errors.
    private static final double FLOAT32_TOLERANCE = 4e-6;
    private static final double FLOAT64_TOLERANCE = 1e-14;

    private final Parametrization parametrization;
    private final List<Parameter> parameters;

    OrthogonalWeight(Parametrization parametrization, int rows, int columns) {
        this("", parametrization, rows, columns);
    }

    /** The prefix keeps the names of several weights of one block apart. */
    OrthogonalWeight(String prefix, Parametrization parametrization, int rows, int columns) {
        this.parametrization = parametrization;
        Shape shape = new Shape(rows, columns);
        boolean free =
                parametrization == Parametrization.CAYLEY
                        || parametrization == Parametrization.EXPONENTIAL;
        if (free) {
            // entries of a 1 x 1 skew-symmetric matrix: none, but an array has at least one
            long entries = Math.max(1, (long) columns * (columns - 1) / 2);
            parameters =
                    List.of(
                            Parameter.builder()
                                    .setName(prefix + "skew")
                                    .setType(Parameter.Type.OTHER)
                                    .optShape(new Shape(entries))
                                    .optInitializer(new ConstantInitializer(0))
                                    .build(),
                            matrix(prefix + "base", shape, false));
        } else {
            parameters = List.of(matrix(prefix + "weight", shape, true));
        }
    }

    private static Parameter matrix(String name, Shape shape, boolean trained) {
        return Parameter.builder()
                .setName(name)
                .setType(Parameter.Type.WEIGHT)
                .optShape(shape)
                .optInitializer(new OrthogonalInitializer())
                .optRequiresGrad(trained)
                .build();
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /** Returns the matrix on a device; with a graph if training. Whether to close it: owns(). */
    NDArray value(ParameterStore store, NDArray activation, boolean training) {
        NDArray first = store.getValue(parameters.get(0), activation.getDevice(), training);
        if (!isDerived()) {
            if (training && parametrization == Parametrization.RETRACTION) {
                retract(first);
            }
            return first;
        }
        NDArray base = store.getValue(parameters.get(1), activation.getDevice(), training);
        if (base.getShape().get(1) == 1) {
            return base.duplicate();
        }
        String function = parametrization == Parametrization.CAYLEY ? "cayley" : "exponential";
        return (training
                        ? KERNELS.callWithGradient(activation.getManager(), function, first, base)
                        : KERNELS.call(activation.getManager(), function, first, base))
                .singletonOrThrow();
    }

    /** Tells whether {@link #value} makes a new array each time. */
    boolean isDerived() {
        return parameters.size() > 1;
    }

    private static void retract(NDArray weight) {
        double tolerance =
                weight.getDataType() == DataType.FLOAT64 ? FLOAT64_TOLERANCE : FLOAT32_TOLERANCE;
        double rounding = tolerance * Math.sqrt(weight.getShape().get(1));
        if (!KERNELS.callBoolean(weight.getManager(), "retract", weight, rounding)) {
            throw new IllegalStateException(
                    "A step has moved an orthogonal weight "
                            + weight.getShape()
                            + " so far, or to NaN, that its nearest orthogonal matrix is not clear:"
                            + " lower the learning rate");
        }
    }
}

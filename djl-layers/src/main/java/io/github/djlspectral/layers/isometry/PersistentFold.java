package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.XavierInitializer;
import io.github.djlspectral.layers.SelfDescribingBlock;
import io.github.djlspectral.optim.SpectralMap;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;

/**
 * A layer [.., n] to [.., n] that is isometric on a subspace S of k dimensions and an ordinary ReLU
 * layer on the rest. On S it is a {@link ResidualFold} with k rows and a bias of -1, so that few
 * fire; S does not mix with the rest, or in one direction only ({@link Persistence}). All layers of
 * one width, k and seed protect the same S, so that isometry on S persists through any depth: a
 * gradient cannot vanish there. S is the span of the frozen orthonormal rows of B [k, n], random
 * but for the seed; with F, f and W, b the fold's and the rest's parameters and P = B^T B
 *
 * <ul>
 *   <li>forward: {@code B^T fold(B x) + relu(W (I - P) x + b)},
 *   <li>backward: {@code B^T fold(B x) + (I - P) relu(W x + b)},
 *   <li>block-diagonal: {@code B^T fold(B x) + (I - P) relu(W (I - P) x + b)}.
 * </ul>
 *
 * The rest's gradients vanish or explode with depth as they do in any ReLU network, and isometry on
 * S alone does not make a network train; see {@link Fold} on the rate of folds. Definition and
 * measurements are the project's own, after arXiv:2508.02882.
 */
public final class PersistentFold extends SelfDescribingBlock implements IsometricLayer {

    private static final float FOLD_BIAS = -1;
    private static final Initializer HE =
            new XavierInitializer(
                    XavierInitializer.RandomType.GAUSSIAN, XavierInitializer.FactorType.IN, 2);

    private final int width;
    private final Persistence persistence;
    private Initializer subspace;
    private final Parameter protectedRows;
    private final OrthogonalWeight fold;
    private final Parameter foldBias;
    private final OrthogonalWeight rest;
    private final boolean lipschitz;
    private final Parameter bias;

    private PersistentFold(Builder builder) {
        super(
                "persistence", builder.persistence,
                "parametrization", builder.parametrization,
                "lipschitz", builder.lipschitz);
        width = builder.width;
        persistence = builder.persistence;
        int k = builder.directions;
        subspace = new Subspace(builder.seed);
        Parameter.Builder rows = Parameter.builder().setName("protected").optRequiresGrad(false);
        rows.setType(Parameter.Type.OTHER).optShape(new Shape(k, width));
        protectedRows = addParameter(rows.build());
        fold = new OrthogonalWeight("fold_", builder.parametrization, k, k);
        fold.parameters().forEach(this::addParameter);
        foldBias = addParameter(LayerBuilder.bias("fold_bias", k, FOLD_BIAS));
        lipschitz = builder.lipschitz;
        Parametrization free = Parametrization.INITIAL;
        rest = new OrthogonalWeight("", lipschitz ? builder.parametrization : free, width, width);
        if (!lipschitz) {
            rest.parameters().get(0).setInitializer(HE);
        }
        rest.parameters().forEach(this::addParameter);
        bias = addParameter(LayerBuilder.bias("bias", width, 0));
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        Fold.requireActivations(x.getShape(), width);
        if (training && protectedRows.requiresGradient()) {
            protectedRows.freeze(true); // the trainer of a loaded model thaws all parameters
        }
        NDArray rows = store.getValue(protectedRows, x.getDevice(), training);
        NDArray folding = fold.value(store, x, training);
        NDArray f = store.getValue(foldBias, x.getDevice(), training);
        NDArray w = rest.value(store, x, training);
        NDArray b = store.getValue(bias, x.getDevice(), training);
        try {
            String function = "persistent_" + persistence.name().toLowerCase(Locale.ROOT);
            return OrthogonalWeight.KERNELS.forward(
                    training, x.getManager(), function, x, rows, folding, f, w, b);
        } finally {
            fold.release(folding);
            rest.release(w);
        }
    }

    /**
     * {@return a copy of the protected directions B [k, n], orthonormal rows}
     *
     * @param manager the manager of the result
     */
    public NDArray protectedDirections(NDManager manager) {
        return OrthogonalWeight.copy(protectedRows, manager);
    }

    @Override
    public Block materialise(NDManager manager) {
        PersistentFold copy =
                builder()
                        .setWidth(width)
                        .setDirections(Math.toIntExact(foldBias.getShape().get(0)))
                        .optPersistence(persistence)
                        .optParametrization(Parametrization.INITIAL)
                        .optLipschitz(lipschitz)
                        .build();
        try (NDManager scratch = manager.newSubManager()) {
            copy.fold.beginWith(fold, scratch);
            copy.rest.beginWith(rest, scratch);
            copy.subspace = new OrthogonalWeight.Copy(protectedRows.getArray());
            OrthogonalWeight.beginWith(copy.foldBias, foldBias);
            OrthogonalWeight.beginWith(copy.bias, bias);
            copy.initialize(manager, bias.getArray().getDataType(), new Shape(1, width));
            return copy;
        }
    }

    @Override
    protected void prepare(Shape[] inputShapes) {
        Fold.requireActivations(inputShapes[0], width);
        protectedRows.setInitializer(subspace); // whatever was set from outside
        fold.keepOrthonormal();
        if (lipschitz) {
            rest.keepOrthonormal();
        }
    }

    /** Orthonormal rows [k, n], Haar, that depend on the seed alone: all layers get the same. */
    private record Subspace(long seed) implements Initializer {

        @Override
        public NDArray initialize(NDManager manager, Shape shape, DataType type) {
            Random random = new Random(seed);
            double[] gaussian = new double[Math.toIntExact(shape.size())];
            Arrays.setAll(gaussian, i -> random.nextGaussian());
            try (NDArray start = manager.create(gaussian, shape);
                    NDArray polar = SpectralMap.polar().apply(start);
                    NDArray rows = polar.toType(type, true)) {
                NDArray copy = rows.duplicate(); // what a map returns cannot enter autograd
                copy.attach(manager);
                return copy;
            }
        }
    }

    /** Builds a {@link PersistentFold}. */
    public static final class Builder {

        private int width;
        private int directions;
        private Persistence persistence = Persistence.BLOCK_DIAGONAL;
        private Parametrization parametrization = Parametrization.RETRACTION;
        private boolean lipschitz;
        private long seed;

        private Builder() {}

        /**
         * Sets the width (required).
         *
         * @param width n, at least 1
         * @return this builder
         */
        public Builder setWidth(int width) {
            this.width = width;
            return this;
        }

        /**
         * Sets the number of protected directions (required).
         *
         * @param directions k, in [1, width]
         * @return this builder
         */
        public Builder setDirections(int directions) {
            this.directions = directions;
            return this;
        }

        /**
         * Sets the coupling. Default: {@link Persistence#BLOCK_DIAGONAL}.
         *
         * @param persistence the coupling
         * @return this builder
         */
        public Builder optPersistence(Persistence persistence) {
            this.persistence = Objects.requireNonNull(persistence, "persistence");
            return this;
        }

        /**
         * Sets how the fold's weight, and the rest's if {@link #optLipschitz}, is kept orthogonal.
         * Default: {@link Parametrization#RETRACTION}.
         *
         * @param parametrization the way
         * @return this builder
         */
        public Builder optParametrization(Parametrization parametrization) {
            this.parametrization = Objects.requireNonNull(parametrization, "parametrization");
            return this;
        }

        /**
         * Sets whether the rest's weight is orthogonal, so that no singular value exceeds 1 and
         * {@code J^T J v = v} for v in S; the rest then vanishes with depth. Block-diagonal only.
         * Default: false, the normal initialisation of He et al.
         *
         * @param lipschitz whether it is
         * @return this builder
         */
        public Builder optLipschitz(boolean lipschitz) {
            this.lipschitz = lipschitz;
            return this;
        }

        /**
         * Sets what S is drawn with. All layers of a network need the same. Default: 0.
         *
         * @param seed any
         * @return this builder
         */
        public Builder optSeed(long seed) {
            this.seed = seed;
            return this;
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public PersistentFold build() {
            requireAtLeast(1, "The width", width);
            boolean legal = directions >= 1 && directions <= width;
            String rule = "The number of protected directions must be in [1, %s], was %s";
            require(legal, rule, width, directions);
            legal = !lipschitz || persistence == Persistence.BLOCK_DIAGONAL;
            require(legal, "Only the block-diagonal form can be 1-Lipschitz, not %s", persistence);
            return new PersistentFold(this);
        }
    }
}

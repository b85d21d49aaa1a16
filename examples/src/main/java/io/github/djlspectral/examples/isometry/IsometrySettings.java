package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.loss.JacobianLoss;
import io.github.djlspectral.layers.isometry.loss.OrthogonalityLoss;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.text.BadInputException;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;

/**
 * What all runs of an experiment have in common.
 *
 * @param width n, the length of a vector, an even number from 8 on
 * @param channels of an image, an even number from 16 on
 * @param parametrization how orthogonal weights are kept so
 * @param regularizer what is added to the loss
 * @param strength its factor, positive; 0 if there is none
 * @param optimizer what trains
 * @param adamRate the learning rate of what Muon and Freon do not train, positive
 * @param epochs passes over the training images, from 1 on
 * @param batch images per step, from 1 on
 */
record IsometrySettings(
        int width,
        int channels,
        Parametrization parametrization,
        Regularizer regularizer,
        double strength,
        Optimizer optimizer,
        double adamRate,
        int epochs,
        int batch) {

    private static final int LEAST_WIDTH = 8;

    /** Checks the numbers. */
    IsometrySettings {
        requireEven("--width", width, LEAST_WIDTH);
        requireEven("--channels", channels, Family.ImageLayers.LEAST_CHANNELS);
        if (regularizer != Regularizer.NONE) {
            OptionCheck.requirePositive("--strength", strength);
        } else {
            String alone = "--strength is %s, but there is no --regularizer";
            BadInputException.unless(strength == 0, alone, strength);
        }
        BadInputException.unless(
                regularizer != Regularizer.WEIGHT || parametrization == Parametrization.INITIAL,
                "--regularizer is weight, but must be with --parametrization initial: any other"
                        + " keeps weights orthogonal by itself");
        OptionCheck.requirePositive("--adam-lr", adamRate);
        OptionCheck.requirePositive("--epochs", epochs);
        OptionCheck.requirePositive("--batch", batch);
    }

    private static void requireEven(String option, int value, int least) {
        String even = "%s is %s, but must be even and at least %s";
        BadInputException.unless(value >= least && value % 2 == 0, even, option, value, least);
    }

    /** What must be alike in one table, which has columns for the rest. */
    String common() {
        return Table.text(
                "--width %d --channels %d --adam-lr %s --epochs %d --batch %d",
                width, channels, adamRate, epochs, batch);
    }

    /** Names what is added to the loss and its factor; empty if nothing is. */
    String penalty() {
        return regularizer == Regularizer.NONE ? "" : regularizer + "-" + strength;
    }

    /** Tells how weights stay orthogonal, for people and names of files. */
    String constraint() {
        String way = parametrization.name().toLowerCase(Locale.ROOT);
        return regularizer == Regularizer.NONE ? way : way + "-" + penalty();
    }

    /** Describes the settings in one line, as options. */
    @Override
    public String toString() {
        return Table.text(
                "--width %d --channels %d --parametrization %s --regularizer %s --strength %s"
                        + " --optimizer %s --adam-lr %s --epochs %d --batch %d",
                width,
                channels,
                parametrization.name().toLowerCase(Locale.ROOT),
                regularizer,
                strength,
                optimizer,
                adamRate,
                epochs,
                batch);
    }

    /** What trains the networks, without weight decay. */
    enum Optimizer {
        /** Adam for everything. */
        ADAM(List.of(0.0003, 0.001, 0.003)),
        /** Muon for the matrices of the layers, Adam for embedding, head and vectors. */
        MUON(List.of(0.003, 0.01, 0.03)),
        /** Freon, c = 2/3, in the same way. */
        FREON(List.of(0.003, 0.01, 0.03));

        /** The learning rates to try if none are given; the middle one suits most networks. */
        final List<Double> rates;

        Optimizer(List<Double> rates) {
            this.rates = rates;
        }

        /** The embedding is a linear map of pixels, below a block of that name. */
        static ParameterRouting routing(Block network) {
            return ParameterRouting.of(network).withFallback("^\\d+embedding");
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What is added to the loss so that layers stay isometric. */
    enum Regularizer {
        /** Nothing. */
        NONE(0),
        /** {@code |W W^T - I|^2} of every weight, {@code |K * K - delta|^2} of every kernel. */
        WEIGHT(0.1),
        /** {@code E (|J^T u| / |u| - 1)^2}, J of all layers together. */
        JACOBIAN(1),
        /** {@code E |J^T J v - v|^2}. */
        GRAM(0.01),
        /** {@code E (|F(x + s) - F(x)| / |s| - 1)^2}. */
        DIFFERENCE(1);

        private static final double STEP = 0.1;
        private static final int MATRIX = 2;

        private final double strength;

        Regularizer(double strength) {
            this.strength = strength;
        }

        /** The factor if none is given. */
        double strength() {
            return strength;
        }

        /**
         * Makes the penalty of a network.
         *
         * @param layers initialised before the penalty is evaluated
         * @return from what the layers get to a scalar
         */
        UnaryOperator<NDArray> penalty(SequentialBlock layers, double factor, int seed) {
            float lambda = (float) factor;
            return switch (this) {
                case NONE -> throw new IllegalStateException("There is no penalty");
                case WEIGHT -> weights(layers, lambda);
                case JACOBIAN -> JacobianLoss.backward(layers, lambda, seed)::evaluate;
                case GRAM -> JacobianLoss.gram(layers, lambda, seed)::evaluate;
                case DIFFERENCE ->
                        JacobianLoss.finiteDifference(layers, STEP, lambda, seed)::evaluate;
            };
        }

        private static UnaryOperator<NDArray> weights(SequentialBlock layers, float lambda) {
            List<Parameter> weights =
                    layers.getParameters().values().stream()
                            .filter(parameter -> parameter.getType() == Parameter.Type.WEIGHT)
                            .toList();
            boolean matrices = weights.get(0).getShape().dimension() == MATRIX;
            OrthogonalityLoss loss =
                    matrices
                            ? OrthogonalityLoss.ofMatrices(weights, lambda)
                            : OrthogonalityLoss.ofConvolutions(weights, lambda);
            return states -> loss.evaluate(states.getManager());
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}

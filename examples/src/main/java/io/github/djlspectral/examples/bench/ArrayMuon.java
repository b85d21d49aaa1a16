package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.training.optimizer.Optimizer;
import java.util.HashMap;
import java.util.Map;

/**
 * The reference Muon step as a DJL user would write it with array operations: momentum, Nesterov,
 * five Newton-Schulz steps, decay and update. The peer that {@link OptimizerStepBenchmark} measures
 * against. The momentum belongs to the manager of its weight.
 */
final class ArrayMuon extends Optimizer {

    private static final float MOMENTUM = 0.95f;
    private static final float RATE = 0.02f;
    private static final float DECAY = 0.01f;

    private final Map<String, NDArray> momenta = new HashMap<>();

    ArrayMuon() {
        super(new Builder());
    }

    @Override
    public void update(String parameterId, NDArray weight, NDArray gradient) {
        NDArray momentum = momenta.computeIfAbsent(parameterId, id -> weight.zerosLike());
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            momentum.muli(MOMENTUM).addi(gradient.mul(1 - MOMENTUM));
            NDArray lookahead = gradient.mul(1 - MOMENTUM).add(momentum.mul(MOMENTUM));
            double rows = weight.getShape().get(0);
            double columns = weight.getShape().get(1);
            double scale = Math.sqrt(Math.max(1, rows / columns));
            weight.muli(1 - RATE * DECAY).subi(newtonSchulz(lookahead).mul(RATE * scale));
        }
    }

    private static NDArray newtonSchulz(NDArray matrix) {
        boolean tall = matrix.getShape().get(0) > matrix.getShape().get(1);
        NDArray x = tall ? matrix.transpose() : matrix;
        x = x.div(x.norm().add(1e-7f));
        for (int i = 0; i < 5; i++) {
            NDArray gram = x.matMul(x.transpose());
            NDArray polynomial = gram.mul(-4.7750f).add(gram.matMul(gram).mul(2.0315f));
            x = x.mul(3.4445f).add(polynomial.matMul(x));
        }
        return tall ? x.transpose() : x;
    }

    private static final class Builder extends OptimizerBuilder<Builder> {
        @Override
        protected Builder self() {
            return this;
        }
    }
}

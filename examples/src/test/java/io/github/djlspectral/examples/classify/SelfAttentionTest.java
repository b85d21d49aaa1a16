package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import org.junit.jupiter.api.Test;

class SelfAttentionTest {

    private static final int TOKENS = 5;
    private static final int WIDTH = 8;
    private static final int HEADS = 2;

    /** Against loops over single numbers in float64. */
    @Test
    void isMultiHeadAttentionWithAResidual() {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SelfAttention attention = new SelfAttention(WIDTH, HEADS, 2);
            attention.initialize(manager, DataType.FLOAT64, new Shape(2, TOKENS, WIDTH));
            NDArray tokens =
                    Tokens.unit(
                            manager.randomNormal(
                                    0, 1, new Shape(2, TOKENS, WIDTH), DataType.FLOAT64));
            double[] actual =
                    attention
                            .forward(new ParameterStore(manager, false), new NDList(tokens), false)
                            .singletonOrThrow()
                            .get(1)
                            .toDoubleArray();
            double[] x = scaled(tokens.get(1).toDoubleArray());
            for (int layer = 0; layer < 2; layer++) {
                x = layer(x, attention, "layer." + layer + ".");
            }
            double[] expected = scaled(x);
            for (int i = 0; i < actual.length; i++) {
                assertThat(actual[i]).isCloseTo(expected[i] / Math.sqrt(WIDTH), within(1e-12));
            }
        }
    }

    private static double[] layer(double[] x, SelfAttention attention, String prefix) {
        double[] h = scaled(x);
        double[] query = product(h, attention, prefix + "query.weight");
        double[] key = product(h, attention, prefix + "key.weight");
        double[] value = product(h, attention, prefix + "value.weight");
        double[] mixed = new double[x.length];
        int width = WIDTH / HEADS;
        for (int head = 0; head < HEADS; head++) {
            for (int i = 0; i < TOKENS; i++) {
                double[] weights = new double[TOKENS];
                double sum = 0;
                for (int j = 0; j < TOKENS; j++) {
                    double score = 0;
                    for (int k = head * width; k < (head + 1) * width; k++) {
                        score += query[i * WIDTH + k] * key[j * WIDTH + k];
                    }
                    weights[j] = Math.exp(score / Math.sqrt(width));
                    sum += weights[j];
                }
                for (int j = 0; j < TOKENS; j++) {
                    for (int k = head * width; k < (head + 1) * width; k++) {
                        mixed[i * WIDTH + k] += weights[j] / sum * value[j * WIDTH + k];
                    }
                }
            }
        }
        double[] change = product(mixed, attention, prefix + "output.weight");
        double[] result = new double[x.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = x[i] + change[i];
        }
        return result;
    }

    /** Each token by its root mean square. */
    private static double[] scaled(double[] x) {
        double[] result = new double[x.length];
        for (int i = 0; i < TOKENS; i++) {
            double squares = 0;
            for (int k = 0; k < WIDTH; k++) {
                squares += x[i * WIDTH + k] * x[i * WIDTH + k];
            }
            for (int k = 0; k < WIDTH; k++) {
                result[i * WIDTH + k] = x[i * WIDTH + k] / Math.sqrt(squares / WIDTH);
            }
        }
        return result;
    }

    private static double[] product(double[] x, SelfAttention attention, String name) {
        Parameter parameter = attention.getDirectParameters().get(name);
        double[] w = parameter.getArray().toDoubleArray();
        double[] result = new double[x.length];
        for (int i = 0; i < TOKENS; i++) {
            for (int k = 0; k < WIDTH; k++) {
                for (int l = 0; l < WIDTH; l++) {
                    result[i * WIDTH + k] += x[i * WIDTH + l] * w[l * WIDTH + k];
                }
            }
        }
        return result;
    }
}

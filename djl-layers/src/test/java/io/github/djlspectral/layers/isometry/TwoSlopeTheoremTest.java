package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * {@code A x + B sigma(C x + b)}, slopes s_1 and s_2, is isometric for all patterns of signs if and
 * only if, with {@code delta = (s_2 - s_1) / 2} and {@code M = A + (s_1 + s_2)/2 B C}: (i) {@code
 * M^T B = 0}, (ii) {@code B^T B} is diagonal, (iii) {@code M^T M + delta^2 C^T (B^T B) C = I}. Here
 * each is broken alone.
 */
class TwoSlopeTheoremTest extends ManagedTest {

    private static final int N = 7;
    private static final int ROWS = 3;
    private static final double BELOW = 0.2;
    private static final double ABOVE = 1;

    private NDArray v; // [n, rows], orthonormal columns, as u
    private NDArray u;
    private NDArray m; // from the complement of v's span onto that of u's
    private NDArray scales;

    private NDArray orthogonal() {
        return new OrthogonalInitializer().initialize(manager, new Shape(N, N), DataType.FLOAT64);
    }

    @BeforeEach
    void build() {
        NDArray from = orthogonal();
        NDArray to = orthogonal();
        v = from.get(":, :" + ROWS);
        u = to.get(":, :" + ROWS);
        m = to.get(":, " + ROWS + ":").matMul(from.get(":, " + ROWS + ":").transpose());
        scales = manager.create(new double[] {0.5, 1, 2}, new Shape(1, ROWS));
    }

    private NDArray outer() {
        return u.mul(scales);
    }

    private NDArray inner() {
        double tau = 2 / (ABOVE - BELOW);
        return v.div(scales).mul(tau).transpose();
    }

    private double deviation(NDArray m, NDArray b, NDArray c) {
        NDArray a = m.sub(b.matMul(c).mul((BELOW + ABOVE) / 2));
        NDArray bias = manager.randomNormal(0, 1, new Shape(ROWS), DataType.FLOAT64);
        Block layer =
                LambdaBlock.singleton(
                        x -> {
                            NDArray z = x.matMul(c.transpose()).add(bias);
                            NDArray skip = x.matMul(a.transpose());
                            return skip.add(twoSlopes(z).matMul(b.transpose()));
                        });
        double worst = 0;
        for (int i = 0; i < 20; i++) {
            NDArray point = manager.randomNormal(0, 2, new Shape(N), DataType.FLOAT64);
            worst = Math.max(worst, IsometryCatalogue.deviation(layer, manager, point));
        }
        return worst;
    }

    private NDArray twoSlopes(NDArray z) {
        NDArray slopes = z.gt(0).toType(DataType.FLOAT64, true).mul(ABOVE - BELOW).add(BELOW);
        return z.mul(slopes);
    }

    @Test
    void eachConditionIsNecessary() {
        assertThat(deviation(m, outer(), inner())).isLessThan(1e-13);
        // (i): turn the range of M, whose M^T M stays, towards that of B
        NDArray turn = orthogonal();
        assertThat(deviation(turn.matMul(m), outer(), inner())).isGreaterThan(0.1);
        // (ii): B T and T^(-1) C have the same product and Gram matrix C^T B^T B C
        NDArray shear = manager.eye(ROWS).toType(DataType.FLOAT64, false);
        shear.set(new NDIndex("0, 1"), 0.2);
        NDArray back = manager.eye(ROWS).toType(DataType.FLOAT64, false);
        back.set(new NDIndex("0, 1"), -0.2);
        assertThat(deviation(m, outer().matMul(shear), back.matMul(inner()))).isGreaterThan(0.1);
        // (iii): lengths
        assertThat(deviation(m.mul(1.05), outer(), inner())).isGreaterThan(0.05);
        assertThat(deviation(m, outer().mul(1.05), inner())).isGreaterThan(0.05);
    }
}

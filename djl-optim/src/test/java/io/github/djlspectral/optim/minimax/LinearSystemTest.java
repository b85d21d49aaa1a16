package io.github.djlspectral.optim.minimax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LinearSystemTest {

    @Test
    void pivotsWhereTheDiagonalIsZero() {
        double[][] rows = {{0, 2, 1, 7}, {1, 1e-20, 3, 10}, {4, 5, 0, 14}}; // of (1, 2, 3)

        double[] x = LinearSystem.solve(rows);

        for (int i = 0; i < 3; i++) {
            assertThat(x[i]).isCloseTo(i + 1, within(1e-14));
        }
    }

    @Test
    void aSingularSystemHasNoFiniteSolution() {
        double[] x = LinearSystem.solve(new double[][] {{1, 2, 3}, {2, 4, 5}});

        assertThat(Double.isFinite(x[0])).isFalse();
    }
}

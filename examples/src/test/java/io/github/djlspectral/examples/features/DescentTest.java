package io.github.djlspectral.examples.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DescentTest {

    private static final Descent.Descender GD = new Descent.Descender("GD", null);
    private static final Descent.Descender MUON =
            new Descent.Descender("Muon", SpectralMap.polar());

    @TempDir private Path directory;
    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    /**
     * Kantorovich: with exact line search a step leaves at most ((c - 1)/(c + 1))^2 of the loss.
     */
    @ParameterizedTest
    @ValueSource(doubles = {2, 30, 1000})
    void gradientDescentIsAsFastAsItsBound(double condition) {
        Descent.Problem problem = new Descent.Problem(6, 20, 0, condition, 25);
        List<Descent.Point> points = Descent.run(problem, GD, 1, manager).points();
        double bound = Math.pow((condition - 1) / (condition + 1), 2);
        assertThat(points).hasSizeGreaterThan(5);
        for (int i = 1; i < points.size(); i++) {
            Descent.Point point = points.get(i);
            assertThat(point.loss()).isLessThanOrEqualTo(points.get(i - 1).loss() * bound * 1.0001);
            assertThat(point.descent().bestStep())
                    .isBetween(0.999, 1.001 * condition); // 1 / eigenvalues
            assertThat(point.descent().alignment()).isCloseTo(1, within(1e-12));
        }
    }

    /** Equal variances: the full gradient points at the target, and one step is enough. */
    @Test
    void endsWhereThereIsNothingLeft() {
        Descent.Problem problem = new Descent.Problem(6, 20, 0, 1, 25);
        Descent descent = Descent.run(problem, GD, 1, manager);
        assertThat(descent.points()).hasSize(2);
        assertThat(descent.remainingLoss()).isLessThan(1e-24);
        assertThat(descent.stepSizes()).hasSize(1);
        assertThat(descent.stepSizes()[0]).isCloseTo(1, within(1e-12));
    }

    @Test
    void everyStepGoesAsFarAsTheLossFalls() {
        Descent.Problem problem = new Descent.Problem(6, 20, 8, 100, 25);
        for (Descent.Descender descender : Descent.Descender.all()) {
            List<Descent.Point> points = Descent.run(problem, descender, 3, manager).points();
            for (int i = 1; i < points.size(); i++) {
                Descent.Point point = points.get(i);
                double decrease = points.get(i - 1).loss() - point.loss();
                double expected = point.descent().bestDecrease();
                assertThat(decrease)
                        .as(descender.name())
                        .isCloseTo(expected, within(1e-12 * points.get(0).loss()));
            }
        }
    }

    @Test
    void dependsOnTheSeedAndOptimizersShareTheProblem() {
        Descent.Problem problem = new Descent.Problem(4, 8, 5, 10, 4);
        Descent first = Descent.run(problem, GD, 1, manager);
        assertThat(Descent.run(problem, GD, 1, manager)).isEqualTo(first);
        assertThat(Descent.run(problem, GD, 2, manager)).isNotEqualTo(first);
        Descent muon = Descent.run(problem, MUON, 1, manager);
        assertThat(muon.points().get(0)).isEqualTo(first.points().get(0));
        assertThat(muon.points().get(1)).isNotEqualTo(first.points().get(1));
        assertThat(muon.points().get(1).length()).isCloseTo(2, within(1e-12)); // sqrt(4)
        assertThat(manager.getManagedArrays()).isEmpty();
    }

    @Test
    void aFileKeepsEveryBitAndItsProblem() {
        Descent.Problem problem = new Descent.Problem(4, 8, 5, 10, 4);
        Descent descent = Descent.run(problem, MUON, 1, manager);
        Finished<Descent> finished = new Finished<>(directory, Descent.class);
        finished.write("muon", problem, descent);
        assertThat(finished.find("muon", problem)).contains(descent);
        Descent.Problem longer = new Descent.Problem(4, 8, 5, 10, 5);
        assertThatThrownBy(() -> finished.find("muon", longer))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("is of --rows 4", "--steps 4, not of", "another --out");
    }

    @ParameterizedTest
    @CsvSource({
        "1, 8, 5, 10, 4, --rows is 1",
        "4, 1, 5, 10, 4, --columns is 1",
        "4, 8, -1, 10, 4, --batch is -1",
        "4, 8, 5, 0.5, 4, --condition is 0.5",
        "4, 8, 5, NaN, 4, --condition is NaN",
        "4, 8, 5, 10, 2, --steps is 2"
    })
    void namesTheOptionThatIsOutOfRange(
            int rows, int columns, int batch, double condition, int steps, String message) {
        assertThatThrownBy(() -> new Descent.Problem(rows, columns, batch, condition, steps))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith(message)
                .hasMessageContaining("must be");
    }

    @Test
    void variationIsMeasuredAsDefined() {
        assertThat(RandomFeaturesCommand.variation(1, 3)).isCloseTo(0.5, within(1e-15));
        assertThat(RandomFeaturesCommand.variation(-1, -3)).isCloseTo(0.5, within(1e-15));
        assertThat(RandomFeaturesCommand.variation()).isNaN();
        // a trend does not count, alternation by a factor of e does: 1 / sqrt(1.5)
        assertThat(RandomFeaturesCommand.aboutTrend(8, 4, 2, 1)).isCloseTo(0, within(1e-15));
        assertThat(RandomFeaturesCommand.aboutTrend(1, Math.E, 1, Math.E))
                .isCloseTo(Math.sqrt(1 / 1.5), withinPercentage(1e-10));
        assertThat(RandomFeaturesCommand.aboutTrend(1, 2)).isNaN();
    }
}

package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SweepPlanTest {

    private static final Path OUT = Path.of("out");

    private final SweepPlan plan =
            new SweepPlan(
                    TrainArguments.parse("--steps 7"),
                    List.of(
                            Contender.of(
                                    "Muon c=1/2", "--optimizer muon --momentum 0.9", 2e-4, 0.1),
                            Contender.of("SGD", "--optimizer sgd", 1)),
                    2);

    @Test
    void crossesContendersRatesAndSeeds() {
        List<Cell> cells = plan.cells(OUT);
        assertThat(cells)
                .extracting(cell -> OUT.relativize(cell.directory()).toString().replace('\\', '/'))
                .containsExactly(
                        "muon-c-1-2/lr-0.0002/seed-1",
                        "muon-c-1-2/lr-0.1/seed-1",
                        "sgd/lr-1/seed-1",
                        "muon-c-1-2/lr-0.0002/seed-2",
                        "muon-c-1-2/lr-0.1/seed-2",
                        "sgd/lr-1/seed-2");
        assertThat(cells.get(3).arguments())
                .containsExactlyInAnyOrder(
                        "--steps=7",
                        "--optimizer=muon",
                        "--momentum=0.9",
                        "--lr=0.0002",
                        "--seed=2",
                        "--out=" + cells.get(3).directory());
        assertThat(cells.get(3)).hasToString("Muon c=1/2, learning rate 0.0002, seed 2");
    }

    @Test
    void bothSizesAreValidAndKeepTheirRunsApart() {
        for (SweepPlan size : List.of(Experiments.quickSweep(), Experiments.fullSweep())) {
            List<Cell> cells = size.cells(OUT); // which checks the options
            assertThat(cells).extracting(Cell::directory).doesNotHaveDuplicates();
            assertThat(size.contenders()).allSatisfy(c -> assertThat(c.rates()).isSorted());
            assertThat(cells).hasSizeGreaterThanOrEqualTo(3 * 4 * size.contenders().size());
        }
    }

    @Test
    void optionsForAllRunsWin() {
        SweepPlan changed = plan.with(TrainArguments.parse("--steps 9 --width 32"));
        assertThat(changed.cells(OUT).get(0).arguments()).contains("--steps=9", "--width=32");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--lr", "--seed", "--out", "--optimizer", "--momentum"})
    void whatDiffersFromRunToRunCannotBeGiven(String option) {
        assertThatThrownBy(() -> plan.with(TrainArguments.parse(option + " 1")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(option);
    }

    @Test
    void wrongOptionsAreReportedBeforeAnythingRuns() {
        assertThatThrownBy(() -> plan.with(TrainArguments.parse("--stps 9")).cells(OUT))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--stps");
        assertThatThrownBy(() -> plan.with(TrainArguments.parse("--steps 0")).cells(OUT))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--steps is 0");
        assertThatThrownBy(() -> plan.withSeeds(0))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--seeds is 0");
    }

    @Test
    void choosesContendersByLabel() {
        assertThat(plan.only("sgd").contenders())
                .extracting(Contender::label)
                .containsExactly("SGD");
        assertThat(plan.only("").contenders()).hasSize(2);
        assertThatThrownBy(() -> plan.only("adam"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("Muon c=1/2");
        assertThatThrownBy(() -> plan.only("("))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("regular expression");
    }
}

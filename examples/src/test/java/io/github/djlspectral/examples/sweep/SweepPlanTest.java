package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.examples.sweep.SweepPlan.Contender;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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
    void choosesRatesWithOneSeedAndTestsThemWithOthers() {
        List<Cell> tuning = plan.tuning(OUT);
        assertThat(names(tuning))
                .containsExactly(
                        "muon-c-1-2/lr-0.0002/seed-0",
                        "muon-c-1-2/lr-0.1/seed-0",
                        "sgd/lr-1/seed-0");
        List<Cell> tests = plan.tests(OUT, results(tuning, 3, 2, 1));
        assertThat(names(tests))
                .containsExactly(
                        "muon-c-1-2/lr-0.1/seed-1",
                        "sgd/lr-1/seed-1",
                        "muon-c-1-2/lr-0.1/seed-2",
                        "sgd/lr-1/seed-2");
        assertThat(tests.get(2).arguments().toList())
                .containsExactlyInAnyOrder(
                        "--steps=7",
                        "--optimizer=muon",
                        "--momentum=0.9",
                        "--lr=0.1",
                        "--seed=2",
                        "--out=" + tests.get(2).directory());
        assertThat(tests.get(2)).hasToString("Muon c=1/2, learning rate 0.1, seed 2");
    }

    private static List<String> names(List<Cell> cells) {
        return cells.stream()
                .map(cell -> OUT.relativize(cell.directory()).toString().replace('\\', '/'))
                .toList();
    }

    private static SweepResults results(List<Cell> cells, double... losses) {
        Map<Cell, RunOutcome> outcomes = new LinkedHashMap<>();
        for (int i = 0; i < losses.length; i++) {
            RunOutcome outcome =
                    new RunOutcome(State.FINISHED, 7, 1, losses[i], Collections.emptySortedMap());
            outcomes.put(cells.get(i), outcome);
        }
        return new SweepResults(outcomes);
    }

    @Test
    void comparesWidthsAtTheLargest() {
        SweepPlan widths =
                new SweepPlan(
                        plan.common(),
                        List.of(
                                plan.contenders().get(0).atWidth(32),
                                plan.contenders().get(0).atWidth(96)),
                        1);
        List<Cell> tuning = widths.tuning(OUT);
        assertThat(tuning.get(3).arguments().toList())
                .contains("--width=96", "--heads=3", "--lr=0.1");
        assertThat(tuning.get(3)).hasToString("Muon c=1/2, width 96, learning rate 0.1, seed 0");
        assertThat(names(widths.tests(OUT, results(tuning, 1, 2, 2, 1))))
                .containsExactly(
                        "muon-c-1-2-width-96/lr-0.0002/seed-1",
                        "muon-c-1-2-width-96/lr-0.1/seed-1");
        assertThat(names(widths.tests(OUT, results(tuning, 1, 2, 1, 2)))).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"64,32", "0", "40", "64,64", "-32"})
    void refusesWidths(String text) {
        List<Integer> widths = Stream.of(text.split(",")).map(Integer::valueOf).toList();
        assertThatThrownBy(() -> SweepPlan.transfer(true, widths, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--widths is " + widths);
    }

    @Test
    void bothSizesAreValidAndKeepTheirRunsApart() {
        SweepPlan transfer = SweepPlan.transfer(true, List.of(32, 64), 1);
        for (SweepPlan size : List.of(SweepPlan.of(true, 1), SweepPlan.of(false, 1), transfer)) {
            List<Cell> cells = size.tuning(OUT); // which checks the options
            assertThat(cells).extracting(Cell::directory).doesNotHaveDuplicates();
            assertThat(size.contenders()).allSatisfy(c -> assertThat(c.rates()).isSorted());
            assertThat(cells).hasSizeGreaterThanOrEqualTo(6 * size.contenders().size());
        }
    }

    @Test
    void optionsForAllRunsWin() {
        SweepPlan changed = plan.with(TrainArguments.parse("--steps 9 --width 32"));
        assertThat(changed.tuning(OUT).get(0).arguments().toList())
                .contains("--steps=9", "--width=32");
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
        assertThatThrownBy(() -> plan.with(TrainArguments.parse("--stps 9")).tuning(OUT))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--stps");
        assertThatThrownBy(() -> plan.with(TrainArguments.parse("--steps 0")).tuning(OUT))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--steps is 0");
        assertThatThrownBy(() -> SweepPlan.of(true, 0))
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

    @Test
    void readsEveryFormOfAnOption() {
        assertThat(TrainArguments.parse("--steps 3 --lr=1e-3 --no-bias --resume --seed 1").toList())
                .containsExactly(
                        "--steps=3", "--lr=1e-3", "--bias=false", "--resume=true", "--seed=1");
        assertThat(TrainArguments.parse(List.of("--data", "a b")).toList())
                .containsExactly("--data=a b");
        assertThatThrownBy(() -> TrainArguments.parse("--steps 3 4"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("'4'");
    }

    @Test
    void laterOptionsWin() {
        TrainArguments first = TrainArguments.parse("--steps 3 --bias");
        assertThat(first.plus(TrainArguments.parse("--no-bias")).plus("--lr", 0.5).toList())
                .containsExactly("--steps=3", "--bias=false", "--lr=0.5");
        assertThat(first.toList()).containsExactly("--steps=3", "--bias=true");
    }
}

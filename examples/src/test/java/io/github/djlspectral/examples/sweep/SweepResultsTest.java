package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.examples.sweep.SweepPlan.Contender;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SweepResultsTest {

    private static final double INFINITY = Double.POSITIVE_INFINITY;

    @TempDir private Path directory;

    private final Contender first = Contender.of("A", "--optimizer muon", 0.1, 0.2, 0.4);
    private final Contender second = Contender.of("B", "--optimizer sgd", 0.1, 0.2);
    private final Contender third = Contender.of("C", "--optimizer adamw", 0.1);
    private final SweepPlan plan =
            new SweepPlan(TrainArguments.parse("--steps 20"), List.of(first, second, third), 2);

    private final SweepResults results =
            results(plan, new double[] {3, 2, INFINITY, 5, 4, 9}, 2.5, 4, INFINITY, 3.5, 5, 1);

    private static SweepResults results(SweepPlan plan, double[] tuning, double... tests) {
        Map<Cell, RunOutcome> outcomes = new LinkedHashMap<>();
        put(outcomes, plan.tuning(Path.of("out")), tuning);
        put(outcomes, plan.tests(Path.of("out"), new SweepResults(outcomes)), tests);
        return new SweepResults(outcomes);
    }

    private static void put(Map<Cell, RunOutcome> outcomes, List<Cell> cells, double[] losses) {
        assertThat(cells).hasSize(losses.length);
        for (int i = 0; i < losses.length; i++) {
            outcomes.put(cells.get(i), outcome(losses[i]));
        }
    }

    private static RunOutcome outcome(double loss) {
        boolean finite = Double.isFinite(loss);
        SortedMap<Integer, Double> losses = new TreeMap<>(Map.of(0, 8.0, 10, loss + 1, 20, loss));
        return new RunOutcome(
                finite ? State.FINISHED : State.DIVERGED,
                finite ? 20 : 13,
                1.25,
                loss,
                finite ? losses : losses.headMap(5));
    }

    @Test
    void tunesWithOneSeedAndAveragesOverTheOthers() {
        assertThat(results.tuning(first))
                .isEqualTo(new TreeMap<>(Map.of(0.1, 3.0, 0.2, 2.0, 0.4, INFINITY)));
        assertThat(results.best(first)).isEqualTo(0.2);
        assertThat(results.curve(first)).isEqualTo(new TreeMap<>(Map.of(0, 8.0, 10, 4.0, 20, 3.0)));
        assertThat(results.curve(third)).isEqualTo(new TreeMap<>(Map.of(0, 8.0)));
    }

    @Test
    void tabulatesEachAtItsBest() {
        assertThat(results.table())
                .containsExactly(
                        "| optimizer | best learning rate | final validation loss |",
                        "|---|---|---|",
                        "| A | 0.2 | 3.0000 [2.5000, 3.5000] |",
                        "| B | 0.2\\* | 4.5000 [4.0000, 5.0000] |",
                        "| C | 0.1\\* | diverged |",
                        "",
                        "\\* The first or the last of those tried: there may be a better one"
                                + " beyond.");
    }

    @Test
    void tabulatesWhatCarriesOverFromWidthToWidth() {
        SweepPlan widths =
                new SweepPlan(
                        plan.common(),
                        List.of(
                                first.atWidth(32),
                                first.atWidth(64),
                                second.atWidth(32),
                                second.atWidth(64)),
                        1);
        SweepResults transfer =
                results(widths, new double[] {1, 2, 3, 3, 1, 2, 2, 1, 2, 1}, 1.5, 1.25, 1.75);
        assertThat(transfer.table())
                .containsExactly(
                        "| optimizer | best learning rate, width 32 | best learning rate, width 64"
                                + " | final validation loss at the largest width"
                                + " | with the smallest one's rate |",
                        "|---|---|---|---|---|",
                        "| A | 0.1\\* | 0.2 | 1.2500 [1.2500, 1.2500] | 1.5000 [1.5000, 1.5000] |",
                        "| B | 0.2\\* | 0.2\\* | 1.7500 [1.7500, 1.7500] | 1.7500 [1.7500, 1.7500]"
                                + " |",
                        "",
                        "\\* The first or the last of those tried: there may be a better one"
                                + " beyond.");
        transfer.report("widths", directory, System.out);
        assertThat(directory.resolve("rates.png")).isNotEmptyFile();
    }

    @Test
    void listsEveryRun() {
        assertThat(results.csv())
                .hasSize(13)
                .startsWith(
                        "optimizer,learning_rate,seed,final_validation_loss,steps,seconds",
                        "A,0.1,0,3.0,20,1.3")
                .contains("A,0.4,0,Infinity,13,1.3", "B,0.2,2,5.0,20,1.3");
    }

    @Test
    void writesItsReportEvenIfAllDiverged() {
        Map<Cell, RunOutcome> none = new LinkedHashMap<>();
        plan.tuning(Path.of("out")).forEach(cell -> none.put(cell, outcome(INFINITY)));
        new SweepResults(none).report("nothing", directory, System.out);
        assertThat(directory.resolve("rates.png")).doesNotExist();
        results.report("something", directory, System.out);
        assertThat(directory.resolve("rates.png")).isNotEmptyFile();
        assertThat(directory.resolve("curves.png")).isNotEmptyFile();
        assertThat(directory.resolve("sweep.md")).content().contains("something.", "| A | 0.2 |");
    }
}

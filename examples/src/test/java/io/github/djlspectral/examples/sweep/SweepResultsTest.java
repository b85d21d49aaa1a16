package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.train.RunOutcome;
import io.github.djlspectral.examples.train.RunOutcome.State;
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

    // by seed, contender and rate
    private static final double[] LOSSES = {3, 2, 1, 5, 4, INFINITY, 3.5, 2.5, INFINITY, 5, 4.5, 9};

    private final SweepResults results = results();

    private SweepResults results() {
        Map<Cell, RunOutcome> outcomes = new LinkedHashMap<>();
        int index = 0;
        for (Cell cell : plan.cells(Path.of("out"))) {
            outcomes.put(cell, outcome(LOSSES[index++]));
        }
        return new SweepResults(outcomes);
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
    void averagesOverSeeds() {
        assertThat(results.points(first))
                .containsExactly(
                        new SweepResults.Point(0.1, 3.25, 3, 3.5),
                        new SweepResults.Point(0.2, 2.25, 2, 2.5),
                        new SweepResults.Point(0.4, INFINITY, 1, INFINITY));
        // the best mean, not the best run: one seed diverged where the other did best
        assertThat(results.best(first).rate()).isEqualTo(0.2);
        assertThat(results.curve(first, 0.2))
                .isEqualTo(new TreeMap<>(Map.of(0, 8.0, 10, 3.25, 20, 2.25)));
        assertThat(results.curve(first, 0.4)).isEqualTo(new TreeMap<>(Map.of(0, 8.0)));
    }

    @Test
    void tabulatesEachAtItsBest() {
        assertThat(results.table())
                .containsExactly(
                        "| optimizer | best learning rate | mean final validation loss"
                                + " | [least, largest] | spread |",
                        "|---|---|---|---|---|",
                        "| A | 0.2 | 2.2500 | [2.0000, 2.5000] | 0.5000 |",
                        "| B | 0.2\\* | 4.2500 | [4.0000, 4.5000] | 0.5000 |",
                        "| C | none | diverged | | |",
                        "",
                        "\\* The first or the last of those tried: there may be a better one beyond.");
    }

    @Test
    void listsEveryRun() {
        assertThat(results.csv())
                .hasSize(13)
                .startsWith(
                        "optimizer,learning_rate,seed,final_validation_loss,steps,seconds",
                        "A,0.1,1,3.0,20,1.3")
                .contains("A,0.4,2,Infinity,13,1.3", "B,0.2,2,4.5,20,1.3");
    }

    @Test
    void writesItsReportEvenIfAllDiverged() {
        Map<Cell, RunOutcome> none = new LinkedHashMap<>();
        plan.cells(Path.of("out")).forEach(cell -> none.put(cell, outcome(INFINITY)));
        new SweepReport("nothing", new SweepResults(none)).write(directory, System.out);
        assertThat(directory.resolve("rates.png")).doesNotExist();
        new SweepReport("something", results).write(directory, System.out);
        assertThat(directory.resolve("rates.png")).isNotEmptyFile();
        assertThat(directory.resolve("curves.png")).isNotEmptyFile();
        assertThat(directory.resolve("sweep.md")).content().contains("something.", "| A | 0.2 |");
    }
}

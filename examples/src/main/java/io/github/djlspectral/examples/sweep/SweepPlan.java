package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.ParameterException;

/**
 * What a sweep trains: every contender at each of its learning rates with seed 0, then at the best
 * of them with other seeds, which have had no part in the choice.
 *
 * @param common options of {@code train} for all runs
 * @param contenders the optimizers
 * @param seeds the number of the other seeds, counted from 1
 */
record SweepPlan(TrainArguments common, List<Contender> contenders, int seeds) {

    /** What a sweep itself gives to each run. */
    private static final Set<String> TAKEN =
            Set.of("--optimizer", "--lr", "--seed", "--out", "--resume");

    /**
     * Returns the plan with options of {@code train} replaced in all runs.
     *
     * @throws BadInputException if the sweep itself decides one of them
     */
    SweepPlan with(TrainArguments options) {
        for (String option : options.values().keySet()) {
            boolean taken = TAKEN.contains(option);
            taken |= contenders.stream().anyMatch(c -> c.arguments().values().containsKey(option));
            BadInputException.unless(
                    !taken, "%s differs from run to run: the sweep decides it", option);
        }
        return new SweepPlan(common.plus(options), contenders, seeds);
    }

    /**
     * Returns the plan with some of its contenders.
     *
     * @param regex a regular expression to be found in their labels, in upper or lower case
     * @throws BadInputException if it is malformed or no label matches
     */
    SweepPlan only(String regex) {
        try {
            Pattern pattern = Pattern.compile(regex, Pattern.CASE_INSENSITIVE);
            List<Contender> chosen =
                    contenders.stream().filter(c -> pattern.matcher(c.label()).find()).toList();
            List<String> labels = contenders.stream().map(Contender::label).toList();
            String rule = "--only is %s, but must match one of %s";
            BadInputException.unless(!chosen.isEmpty(), rule, regex, labels);
            return new SweepPlan(common, chosen, seeds);
        } catch (PatternSyntaxException e) {
            throw new BadInputException(
                    "--only is " + regex + ", but must be a regular expression", e);
        }
    }

    /**
     * Returns the plan with another number of seeds.
     *
     * @throws BadInputException if it is less than 1
     */
    SweepPlan withSeeds(int number) {
        BadInputException.unless(number >= 1, "--seeds is %s, but must be at least 1", number);
        return new SweepPlan(common, contenders, number);
    }

    /**
     * Returns the runs that choose the learning rates.
     *
     * @param out the directory that will hold theirs
     * @throws BadInputException if an option is wrong
     */
    List<Cell> tuning(Path out) {
        List<Cell> cells = new ArrayList<>();
        for (Contender contender : contenders) {
            for (double rate : contender.rates()) {
                cells.add(Cell.of(this, contender, rate, 0, out));
            }
        }
        cells.forEach(SweepPlan::check);
        return cells;
    }

    /**
     * Returns the runs with the other seeds, at the learning rates that were best: of several
     * widths at the largest only, where the best one of the smallest width is tried too.
     *
     * @param out the directory that will hold theirs
     * @param tuned what came of the {@linkplain #tuning first ones}
     */
    List<Cell> tests(Path out, SweepResults tuned) {
        List<Cell> cells = new ArrayList<>();
        for (int seed = 1; seed <= seeds; seed++) {
            for (List<Contender> widths : tuned.methods().values()) {
                Contender largest = widths.get(widths.size() - 1);
                for (double rate :
                        new TreeSet<>(List.of(tuned.best(widths.get(0)), tuned.best(largest)))) {
                    cells.add(Cell.of(this, largest, rate, seed, out));
                }
            }
        }
        return cells;
    }

    private static void check(Cell cell) {
        try {
            TrainingOptions.of(cell.arguments().toArray(String[]::new));
        } catch (ParameterException e) {
            throw new BadInputException(cell + ": " + e.getMessage(), e);
        }
    }

    /** Describes in one line what all runs have in common. */
    String describe(String data) {
        Map<String, String> options = common.values();
        return String.format(
                Locale.ROOT,
                "GPT-2 with %s layers%s, %s steps of %s x %s sequences of %s tokens, learning rates"
                        + " chosen with seed 0, %d other seeds; %s",
                options.get("--layers"),
                options.containsKey("--width") ? " and width " + options.get("--width") : "",
                options.get("--steps"),
                options.get("--accumulate"),
                options.get("--batch"),
                options.get("--context"),
                seeds,
                data);
    }
}

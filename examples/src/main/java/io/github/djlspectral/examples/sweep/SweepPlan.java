package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
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
            Set.of("--optimizer", "--lr", "--seed", "--out", "--resume", "--spark");

    private static final Set<String> FULL_ONLY = Set.of("Freon c=1/4", "Freon c=0.6", "Freon c=1");
    private static final String FREON = "--optimizer freon --exponent ";
    private static final String WIDTH = ", width ";
    private static final int HEAD = 32;

    /** Wide, and the same for all: nothing is known at this size. */
    private static final double[] FULL_RATES = {0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16};

    private static final double[] QUICK_RATES = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2};

    /** Of steps whose entries are about as large as the learning rate. */
    private static final double[] ADAM_RATES = {0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016};

    SweepPlan {
        BadInputException.unless(seeds >= 1, "--seeds is %s, but must be at least 1", seeds);
    }

    /** An optimizer: its label, the options of {@code train} that choose it, rates to try. */
    record Contender(String label, TrainArguments arguments, List<Double> rates) {

        static Contender of(String label, String arguments, double... rates) {
            List<Double> all = DoubleStream.of(rates).boxed().toList();
            return new Contender(label, TrainArguments.parse(arguments), all);
        }

        /** Returns this for a model of some width, in heads of 32. */
        Contender atWidth(int width) {
            String size = "--width " + width + " --heads " + width / HEAD;
            TrainArguments all = arguments.plus(TrainArguments.parse(size));
            return new Contender(label + WIDTH + width, all, rates);
        }

        /** Returns the label without the width. */
        String method() {
            return label.replaceFirst(WIDTH + "\\d+$", "");
        }
    }

    /** One run: an optimizer, its learning rate, the seed of initialisation and data. */
    record Cell(
            Contender contender, double rate, int seed, Path directory, TrainArguments arguments) {

        @Override
        public String toString() {
            return contender.label + ", learning rate " + plain(rate) + ", seed " + seed;
        }
    }

    /** Writes a learning rate without an exponent. */
    static String plain(double rate) {
        return new BigDecimal(Double.toString(rate)).stripTrailingZeros().toPlainString();
    }

    /**
     * Returns the sweep for two cores, 54 runs and 9 more per seed, each of some ten seconds on one
     * core; or for a GPU, 91 runs and 13 more per seed, of 118 million tokens each.
     *
     * <p>In either the contenders differ in what they do to the singular values of the momentum of
     * hidden matrices, and in nothing else: routing, momentum, update scale, weight decay and
     * schedule are shared, and so is AdamW, with its learning rate, for all other parameters. AdamW
     * alone, SOAP, which has a scale of its own, and NorMuon are there to compare. "SGD" is Freon
     * with c = 0: the direction of the momentum itself, divided by the root mean square of its
     * singular values, so that learning rates are of one order of magnitude.
     */
    static SweepPlan of(boolean quick, int seeds) {
        double[] rates = quick ? QUICK_RATES : FULL_RATES;
        double[] sgd = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02};
        double[] soap = {0.002, 0.004, 0.008, 0.016, 0.032, 0.064};
        Stream<Contender> all =
                Stream.of(
                        Contender.of("SGD", FREON + 0, quick ? sgd : FULL_RATES),
                        Contender.of("TruncatedSGD", "--optimizer truncated-sgd", rates),
                        Contender.of("Freon c=1/4", FREON + 0.25, rates),
                        Contender.of("Muon", "--optimizer muon", rates),
                        Contender.of("Kaon", "--optimizer kaon", rates),
                        Contender.of("Freon c=0.6", FREON + 0.6, rates),
                        Contender.of("Freon c=2/3", FREON + 2.0 / 3, rates),
                        Contender.of("Freon c=3/4", FREON + 0.75, rates),
                        Contender.of("Freon c=1", FREON + 1, rates),
                        Contender.of("NorMuon", "--optimizer normuon", rates),
                        Contender.of("SOAP", "--optimizer soap", quick ? soap : ADAM_RATES),
                        Contender.of("AdamW", "--optimizer adamw", ADAM_RATES));
        List<Contender> some = all.filter(c -> !quick || !FULL_ONLY.contains(c.label)).toList();
        return new SweepPlan(TrainArguments.size(quick), some, seeds);
    }

    /**
     * Returns the sweep that tells whether a learning rate tuned on a narrow model is that of a
     * wide one. That of AdamW beside Muon is the same for all widths.
     */
    static SweepPlan transfer(boolean quick, List<Integer> widths, int seeds) {
        boolean legal = widths.stream().allMatch(width -> width > 0 && width % HEAD == 0);
        legal &= widths.stream().sorted().distinct().toList().equals(widths);
        String rule = "--widths is %s, but must be increasing multiples of 32, as in 64,128,256";
        BadInputException.unless(legal, rule, widths);
        double[] rms = {0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064};
        String muon = "--optimizer muon --update-scale ";
        String condition = "spectral_condition";
        String sphere = "--optimizer sphere-muon --weight-decay 0 --adamw-weight-decay 0.01";
        String sphereRms = sphere + " --update-scale match_rms";
        Stream<Contender> methods =
                Stream.of(
                        Contender.of("AdamW", "--optimizer adamw", ADAM_RATES),
                        Contender.of("Muon, spectral", muon + "spectral", FULL_RATES),
                        Contender.of("Muon, " + condition, muon + condition, FULL_RATES),
                        Contender.of("Muon, match_rms", muon + "match_rms", rms),
                        Contender.of("Muon, none", muon + "none", FULL_RATES),
                        Contender.of("sphere, spectral", sphere, FULL_RATES),
                        Contender.of("sphere, match_rms", sphereRms, ADAM_RATES),
                        Contender.of("NorMuon", "--optimizer normuon", FULL_RATES));
        List<Contender> all =
                methods.flatMap(method -> widths.stream().map(method::atWidth)).toList();
        TrainArguments common = TrainArguments.size(quick).without("--width").without("--heads");
        return new SweepPlan(common, all, seeds);
    }

    /** Returns the plan with options replaced in all runs; the sweep must not decide them. */
    SweepPlan with(TrainArguments options) {
        Set<String> taken = new TreeSet<>(TAKEN);
        contenders.forEach(c -> taken.addAll(c.arguments.values().keySet()));
        for (String option : options.values().keySet()) {
            String rule = "%s differs from run to run: the sweep decides it";
            BadInputException.unless(!taken.contains(option), rule, option);
        }
        return new SweepPlan(common.plus(options), contenders, seeds);
    }

    /** Returns the plan with the contenders that match a part of their label, in any case. */
    SweepPlan only(String regex) {
        try {
            Pattern pattern = Pattern.compile(regex, Pattern.CASE_INSENSITIVE);
            List<Contender> chosen =
                    contenders.stream().filter(c -> pattern.matcher(c.label).find()).toList();
            List<String> labels = contenders.stream().map(Contender::label).toList();
            String rule = "--only is %s, but must match one of %s";
            BadInputException.unless(!chosen.isEmpty(), rule, regex, labels);
            return new SweepPlan(common, chosen, seeds);
        } catch (PatternSyntaxException e) {
            String message = "--only is " + regex + ", but must be a regular expression";
            throw new BadInputException(message, e);
        }
    }

    /** Returns the runs that choose the learning rates, their options checked. */
    List<Cell> tuning(Path out) {
        List<Cell> cells = new ArrayList<>();
        for (Contender contender : contenders) {
            contender.rates.forEach(rate -> cells.add(cell(contender, rate, 0, out)));
        }
        for (Cell cell : cells) {
            try {
                cell.arguments.options();
            } catch (ParameterException e) {
                throw new BadInputException(cell + ": " + e.getMessage(), e);
            }
        }
        return cells;
    }

    /**
     * Returns the runs with the other seeds, at the learning rates that were best: of several
     * widths at the largest only, where the best one of the smallest width is tried too.
     */
    List<Cell> tests(Path out, SweepResults tuned) {
        List<Cell> cells = new ArrayList<>();
        for (int seed = 1; seed <= seeds; seed++) {
            for (List<Contender> widths : tuned.methods().values()) {
                Contender largest = widths.get(widths.size() - 1);
                double smallest = tuned.best(widths.get(0));
                for (double rate : new TreeSet<>(List.of(smallest, tuned.best(largest)))) {
                    cells.add(cell(largest, rate, seed, out));
                }
            }
        }
        return cells;
    }

    private Cell cell(Contender contender, double rate, int seed, Path out) {
        String optimizer = contender.label.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.]+", "-");
        Path directory = out.resolve(optimizer).resolve("lr-" + plain(rate) + "/seed-" + seed);
        TrainArguments own = contender.arguments.plus("--lr", plain(rate)).plus("--seed", seed);
        TrainArguments all = common.plus(own).plus("--out", directory);
        return new Cell(contender, rate, seed, directory, all);
    }

    /** Describes in one line what all runs have in common. */
    String describe(String data) {
        Map<String, String> options = common.values();
        String width = options.get("--width");
        return Table.text(
                "GPT-2 with %s layers%s, %s steps of %s x %s sequences of %s tokens, learning rates"
                        + " chosen with seed 0, %s other seeds; %s",
                options.get("--layers"),
                width == null ? "" : " and width " + width,
                options.get("--steps"),
                options.get("--accumulate"),
                options.get("--batch"),
                options.get("--context"),
                seeds,
                data);
    }
}

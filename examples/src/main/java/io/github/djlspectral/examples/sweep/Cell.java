package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.gpt.RunOutcome;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.List;

/**
 * One run of a sweep.
 *
 * @param contender the optimizer
 * @param rate its learning rate
 * @param seed the seed of initialisation and data
 * @param directory the run's directory
 * @param arguments the options of {@code train}, with the directory
 */
record Cell(Contender contender, double rate, int seed, Path directory, List<String> arguments) {

    static Cell of(SweepPlan plan, Contender contender, double rate, int seed, Path out) {
        Path directory =
                out.resolve(contender.directoryName())
                        .resolve("lr-" + plain(rate))
                        .resolve("seed-" + seed);
        TrainArguments arguments =
                plan.common()
                        .plus(contender.arguments())
                        .plus("--lr", plain(rate))
                        .plus("--seed", seed)
                        .plus("--out", directory);
        return new Cell(contender, rate, seed, directory, arguments.toList());
    }

    /** Writes a learning rate without an exponent. */
    static String plain(double rate) {
        return new BigDecimal(Double.toString(rate)).stripTrailingZeros().toPlainString();
    }

    /** Reads what has come of the run. */
    RunOutcome outcome() {
        return RunOutcome.read(directory, arguments);
    }

    /** The file that receives what the run prints. */
    Path log() {
        return directory.resolve("train.log");
    }

    @Override
    public String toString() {
        return contender.label() + ", learning rate " + plain(rate) + ", seed " + seed;
    }
}

package io.github.djlspectral.examples.bench.run;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.bench.report.Report;
import io.github.djlspectral.examples.bench.report.Results;
import io.github.djlspectral.examples.bench.report.ResultsFile;
import io.github.djlspectral.examples.bench.report.Round;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.train.MachineSpeed;
import io.github.djlspectral.examples.train.StopSignal;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Measures in rounds, each all contestants one after the other, and keeps what it finds. */
final class Session {

    private final List<? extends Contestant> contestants;
    private final Path directory;
    private final PrintStream messages;
    private Results results;

    /**
     * Prepares to measure.
     *
     * @param contestants in the order of the first round, those of a subject together
     * @param results what is known already
     * @param directory gets {@code bench.json} after each process, the report after each round
     * @param messages hears of the progress
     */
    Session(
            List<? extends Contestant> contestants,
            Results results,
            Path directory,
            PrintStream messages) {
        this.contestants = contestants;
        this.results = results;
        this.directory = directory;
        this.messages = messages;
    }

    /** Returns the file of results in a directory. */
    static Path file(Path directory) {
        return directory.resolve("bench.json");
    }

    /**
     * Measures what is not known yet. If the process is asked to end, the measurement at hand is
     * lost, and the report is written.
     *
     * @return all that is known then
     */
    Results run(int rounds) {
        long left = contestants.size() * (long) rounds - known(rounds);
        Eta countdown = new Eta((int) left);
        try (StopSignal stop = new StopSignal(Session::endProcesses)) {
            stop.hold();
            for (int round = 1; round <= rounds && !stop.requested(); round++) {
                run(round, rounds, countdown, stop);
            }
            if (stop.requested()) {
                messages.println("Stopped; --resume goes on from here");
            }
        }
        return results;
    }

    private long known(int rounds) {
        long known = 0;
        for (int round = 1; round <= rounds; round++) {
            int number = round;
            known += contestants.stream().filter(c -> results.has(c.key(), number)).count();
        }
        return known;
    }

    /**
     * Lets the rivals for a subject run in the opposite order in every second round, so that a
     * machine that becomes slower or faster favours none of them.
     */
    private List<Contestant> order(int round) {
        List<Contestant> order = new ArrayList<>();
        int first = 0; // of this subject
        for (Contestant contestant : contestants) {
            if (!order.isEmpty() && !contestant.isRivalOf(order.get(first))) {
                first = order.size();
            }
            order.add(round % 2 == 0 ? first : order.size(), contestant);
        }
        return order;
    }

    private void run(int round, int rounds, Eta countdown, StopSignal stop) {
        List<Contestant> open =
                order(round).stream().filter(c -> !results.has(c.key(), round)).toList();
        if (open.isEmpty()) {
            return;
        }
        results = results.withRate(matrixProductRate());
        for (Contestant contestant : open) {
            Round found = contestant.measure(round);
            if (stop.requested()) {
                break; // what was measured while the machine stopped is worth nothing
            }
            results = results.with(contestant.key(), contestant.against(), found);
            ResultsFile.write(file(directory), results);
            messages.printf(
                    Locale.ROOT,
                    "%s, round %d/%d: %s: %s%n",
                    countdown.tick(),
                    round,
                    rounds,
                    contestant.key(),
                    found.describe());
        }
        new Report(results).write(directory);
    }

    private static double matrixProductRate() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            return MachineSpeed.matrixProductRate(manager);
        }
    }

    /** JMH would wait for its process, which is not told that this one ends. */
    private static void endProcesses() {
        ProcessHandle.current().descendants().forEach(ProcessHandle::destroy);
    }
}

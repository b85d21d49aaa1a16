package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.bench.Jmh.Contestant;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.StopSignal;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.IntStream;

/**
 * Measures in rounds, each all contestants one after the other, and keeps what it finds.
 *
 * @param contestants in the order of the first round, rivals beside each other
 * @param results what is known already, to which it adds
 * @param directory gets {@code bench.json} after each process, the report after each round
 * @param messages hears of the progress
 */
record Rounds(List<Contestant> contestants, Results results, Path directory, PrintStream messages) {

    /**
     * Measures what is not known yet. If the process is asked to end, the measurement at hand is
     * lost, and the report is written.
     *
     * @param measure measures a contestant once, for the round of that number
     * @return false if the process is asked to end
     */
    boolean run(int rounds, BiFunction<Contestant, Integer, Round> measure) {
        Eta eta = new Eta(IntStream.rangeClosed(1, rounds).map(r -> open(r).size()).sum());
        // JMH would wait for its process, which is not told that this one ends.
        Runnable end = () -> ProcessHandle.current().descendants().forEach(ProcessHandle::destroy);
        try (StopSignal stop = new StopSignal(end)) {
            stop.hold();
            for (int round = 1; round <= rounds && !stop.requested(); round++) {
                List<Contestant> open = open(round);
                if (open.isEmpty()) {
                    continue;
                }
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    results.matrixProductRates().add(MachineSpeed.matrixProductRate(manager));
                }
                for (Contestant contestant : open) {
                    Round found = measure.apply(contestant, round);
                    if (stop.requested()) {
                        break; // what was measured while the machine stopped is worth nothing
                    }
                    results.add(contestant.key(), found);
                    results.write(Results.file(directory));
                    String progress = eta.tick() + Table.text(", round %d/%d: ", round, rounds);
                    messages.println(progress + contestant.key() + ": " + found);
                }
                new Report(results).write(directory);
            }
            if (stop.requested()) {
                messages.println("Stopped; --resume goes on from here");
            }
            return !stop.requested();
        }
    }

    /**
     * Returns what a round lacks. In every second one the rivals for a subject run in the opposite
     * order, so that a machine that becomes slower or faster favours none of them.
     */
    private List<Contestant> open(int round) {
        List<Contestant> order = new ArrayList<>();
        int first = 0; // of this subject
        for (Contestant contestant : contestants) {
            String task = contestant.key().task();
            if (!order.isEmpty() && !order.get(first).key().task().equals(task)) {
                first = order.size();
            }
            order.add(round % 2 == 0 ? first : order.size(), contestant);
        }
        order.removeIf(contestant -> results.has(contestant.key(), round));
        return order;
    }
}

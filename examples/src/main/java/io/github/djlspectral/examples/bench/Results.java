package io.github.djlspectral.examples.bench;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.math3.stat.descriptive.rank.Median;

/** Everything that a run of the benchmarks found, as {@code bench.json} has it. */
record Results(
        Machine machine,
        String date, // when it began
        boolean quick, // whether a few short iterations had to do
        String options, // the command line
        List<String> notes, // what a reader must know, such as what was left out
        List<Double> matrixProductRates, // of each round, operations a second; it grows
        List<Measurement> measurements) { // in the order of time; it grows

    /** What one process measured. */
    record Round(
            int number, // of the round, from 1; its processes ran close together
            List<Double> seconds, // of an operation in each iteration; empty if it failed
            double peakMemory, // the most that was resident, bytes; 0 if not measured
            double baseMemory, // before there was anything to measure, bytes; 0 if not known
            double predictedMemory, // the difference of the two by formula; 0 if there is none
            double polarError, // the largest |s - 1| of a polar factor; 0 if not measured here
            String failure) { // why there is no time; null if there is

        static Round failed(int number, String failure) {
            return new Round(number, List.of(), 0, 0, 0, 0, failure);
        }

        /**
         * Returns the time of an operation, seconds: the median of the iterations, as what else
         * runs on a machine makes a few of them much longer.
         */
        double time() {
            return new Median().evaluate(seconds.stream().mapToDouble(s -> s).toArray());
        }

        /** Returns the memory that the operation brought; 0 if not known. */
        double ownMemory() {
            return peakMemory > 0 && baseMemory > 0 ? peakMemory - baseMemory : 0;
        }

        private double ownByPredicted() {
            return predictedMemory > 0 ? ownMemory() / predictedMemory : 0;
        }

        /** Returns such as "41.2 ms", or why there is no time. */
        @Override
        public String toString() {
            double milliseconds = 1000 * time();
            String found = Uncertain.number(milliseconds, milliseconds) + " ms";
            return failure == null ? found : "failed: " + failure;
        }
    }

    /** What all rounds found of one contender, in the order of time. */
    record Measurement(Key key, List<Round> rounds) {

        List<Round> measured() {
            return rounds.stream().filter(round -> round.failure == null).toList();
        }

        boolean isMeasured() {
            return !measured().isEmpty();
        }

        /** Returns the reason of the last failure, if there is no time at all. */
        Optional<String> failure() {
            boolean failed = !rounds.isEmpty() && !isMeasured();
            return failed ? Optional.of(rounds.get(rounds.size() - 1).failure) : Optional.empty();
        }

        /** Returns a number of each round that has it: positive ones. */
        double[] each(ToDoubleFunction<Round> number) {
            return measured().stream().mapToDouble(number).filter(value -> value > 0).toArray();
        }

        /** Returns the mean of a number; empty if no round has it. */
        Optional<Uncertain> mean(ToDoubleFunction<Round> number) {
            return Optional.of(each(number)).filter(all -> all.length > 0).map(Uncertain::mean);
        }

        Uncertain time() {
            return Uncertain.mean(each(Round::time));
        }

        /** Returns by how much own memory differs from its prediction, by the prediction. */
        Optional<Uncertain> memoryDeviation() {
            return mean(Round::ownByPredicted)
                    .map(by -> new Uncertain(by.value() - 1, by.margin()));
        }

        /**
         * Returns this one's time by another's, from the rounds that have both, if any: the two are
         * neighbours in a round, so that what slows the machine for minutes cancels.
         */
        Optional<Uncertain> timeBy(Measurement other) {
            Map<Integer, Double> its =
                    other.measured().stream().collect(Collectors.toMap(Round::number, Round::time));
            ToDoubleFunction<Round> ratio =
                    mine -> mine.time() / its.getOrDefault(mine.number, Double.POSITIVE_INFINITY);
            return Optional.of(each(ratio)).filter(r -> r.length > 0).map(Uncertain::geometricMean);
        }

        private boolean isComplete() {
            return key != null
                    && key.isComplete()
                    && rounds != null
                    && rounds.stream().allMatch(round -> round.seconds != null);
        }
    }

    static Path file(Path directory) {
        return directory.resolve("bench.json");
    }

    void write(Path file) {
        Table.write(file, List.of(JsonUtils.GSON_PRETTY.toJson(this)));
    }

    /** Reads results, or refuses a file that is missing or holds something else. */
    static Results read(Path file) {
        String other = file + " holds no results of the bench command";
        try {
            Results results = JsonUtils.GSON_PRETTY.fromJson(Files.readString(file), Results.class);
            BadInputException.unless(results != null && results.isComplete(), "%s", other);
            return results;
        } catch (NoSuchFileException e) {
            throw new BadInputException(file + " is missing", e);
        } catch (JsonParseException e) {
            throw new BadInputException(other + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    private boolean isComplete() {
        return Stream.of(machine, notes, matrixProductRates, measurements)
                        .allMatch(Objects::nonNull)
                && Stream.of(machine.instructions(), machine.versions()).allMatch(Objects::nonNull)
                && measurements.stream().allMatch(Measurement::isComplete);
    }

    /** Prepares these for more that a run finds that begins now, if all else is the same. */
    Results resume(Results now) {
        List<String> differences = now.machine.differences(machine);
        String commit = machine.versions().get("commit");
        String other = now.machine.versions().get("commit");
        if (!Objects.equals(commit, other)) {
            differences.add("commit " + commit + ", now " + other);
        }
        if (quick != now.quick) {
            differences.add("quick " + quick + ", now " + now.quick);
        }
        BadInputException.unless(
                differences.isEmpty(),
                "The results of %s cannot be resumed: %s; choose another --out",
                date,
                String.join("; ", differences));
        now.machine.versions().forEach(machine.versions()::putIfAbsent);
        String both = options + "; " + now.options;
        return new Results(machine, date, quick, both, now.notes, matrixProductRates, measurements);
    }

    /** Adds what a round found; that it failed before is forgotten. */
    void add(Key key, Round round) {
        if (find(key).isEmpty()) {
            measurements.add(new Measurement(key, new ArrayList<>()));
        }
        List<Round> rounds = find(key).orElseThrow().rounds();
        rounds.removeIf(old -> old.number == round.number);
        rounds.add(round);
    }

    boolean has(Key key, int round) {
        List<Round> found = find(key).map(Measurement::measured).orElse(List.of());
        return found.stream().anyMatch(one -> one.number == round);
    }

    boolean hasFailures() {
        return measurements.stream().anyMatch(m -> m.measured().size() < m.rounds.size());
    }

    /** Returns a suite's measurements, those of one subject together. */
    List<Measurement> of(Suite suite) {
        List<String> order = measurements.stream().map(m -> m.key.task()).toList();
        return measurements.stream()
                .filter(m -> m.key.suite() == suite)
                .sorted(Comparator.comparing(m -> order.indexOf(m.key.task())))
                .toList();
    }

    Optional<Measurement> find(Key key) {
        return measurements.stream().filter(m -> m.key.equals(key)).findFirst();
    }

    /** Returns a measurement that has a time, by its key in words. */
    Optional<Measurement> measured(String name) {
        return find(Key.parse(name)).filter(Measurement::isMeasured);
    }
}

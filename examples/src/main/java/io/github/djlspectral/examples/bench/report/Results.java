package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.data.BadInputException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * Everything that a run of the benchmarks found.
 *
 * @param machine where
 * @param date when it began
 * @param options the command line
 * @param notes what a reader must know, such as what was left out
 * @param matrixProductRates the best rate of a float32 product in each round, operations a second
 * @param measurements what was found, in the order of the tables
 */
public record Results(
        MachineDescription machine,
        String date,
        String options,
        List<String> notes,
        List<Double> matrixProductRates,
        List<Measurement> measurements) {

    /**
     * Adds the rate of the matrix product in a round that begins.
     *
     * @param rate operations a second
     * @return a changed copy
     */
    public Results withRate(double rate) {
        List<Double> rates = new ArrayList<>(matrixProductRates);
        rates.add(rate);
        return new Results(machine, date, options, notes, List.copyOf(rates), measurements);
    }

    /**
     * Adds what a round found of a contender.
     *
     * @param key what was measured
     * @param against whom to compare it with
     * @param round what was found
     * @return a changed copy
     */
    public Results with(Key key, List<String> against, Round round) {
        Map<Key, Measurement> all = new LinkedHashMap<>();
        measurements.forEach(measurement -> all.put(measurement.key(), measurement));
        Measurement before = all.getOrDefault(key, new Measurement(key, against, List.of()));
        all.put(key, before.with(round));
        return new Results(
                machine, date, options, notes, matrixProductRates, List.copyOf(all.values()));
    }

    /**
     * Tells whether something could not be measured.
     *
     * @return true if a process failed
     */
    public boolean hasFailures() {
        return measurements.stream()
                .anyMatch(
                        measurement ->
                                measurement.rounds().stream().anyMatch(r -> !r.isMeasured()));
    }

    /**
     * Tells whether a round found something of a contender before.
     *
     * @param key what was to be measured
     * @param round the round's number
     * @return true if it is here, measured
     */
    public boolean has(Key key, int round) {
        return find(key).stream()
                .flatMap(measurement -> measurement.measured().stream())
                .anyMatch(found -> found.number() == round);
    }

    /**
     * Checks that more can be measured to go with these.
     *
     * @param other the machine as it is now
     * @throws BadInputException if this was measured elsewhere or with another build
     */
    public void requireSame(MachineDescription other) {
        List<String> differences = new ArrayList<>(other.differences(machine));
        if (!Objects.equals(other.commit(), machine.commit())) {
            differences.add("commit " + machine.commit() + ", now " + other.commit());
        }
        if (!differences.isEmpty()) {
            throw new BadInputException(
                    "The results of "
                            + date
                            + " cannot be resumed: "
                            + String.join("; ", differences)
                            + "; choose another --out");
        }
    }

    /** Returns a suite's measurements, those of one subject together. */
    List<Measurement> of(Suite suite) {
        Map<String, List<Measurement>> bySubject =
                measurements.stream()
                        .filter(measurement -> measurement.key().suite() == suite)
                        .collect(
                                Collectors.groupingBy(
                                        measurement -> measurement.key().subject(),
                                        LinkedHashMap::new,
                                        Collectors.toList()));
        return bySubject.values().stream().flatMap(List::stream).toList();
    }

    Optional<Measurement> find(Key key) {
        return measurements.stream().filter(m -> m.key().equals(key)).findFirst();
    }

    /** Returns a measurement that has a time. */
    Optional<Measurement> measured(Suite suite, String subject, String contender) {
        return find(new Key(suite, subject, contender)).filter(Measurement::isMeasured);
    }

    /** Returns the best rate of all rounds, operations a second. */
    OptionalDouble matrixProductRate() {
        return matrixProductRates.stream().mapToDouble(rate -> rate).max();
    }
}

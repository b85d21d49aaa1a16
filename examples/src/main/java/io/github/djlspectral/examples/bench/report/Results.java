package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.text.BadInputException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Everything that a run of the benchmarks found.
 *
 * @param machine where
 * @param date when it began
 * @param quick whether a few short iterations had to do
 * @param options the command line
 * @param notes what a reader must know, such as what was left out
 * @param matrixProductRates the best rate of a float32 product in each round, operations a second
 * @param measurements what was found, in the order of the tables
 */
public record Results(
        MachineDescription machine,
        String date,
        boolean quick,
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
        return new Results(machine, date, quick, options, notes, List.copyOf(rates), measurements);
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
                machine,
                date,
                quick,
                options,
                notes,
                matrixProductRates,
                List.copyOf(all.values()));
    }

    /**
     * Changes whom contenders are compared with, which is a matter of the report.
     *
     * @param rivals the contenders for the same subject, by what was measured; where there are
     *     none, those that the results have stay
     * @return a changed copy
     */
    public Results against(Map<Key, List<String>> rivals) {
        List<Measurement> changed =
                measurements.stream()
                        .map(m -> m.against(rivals.getOrDefault(m.key(), m.against())))
                        .toList();
        return new Results(machine, date, quick, options, notes, matrixProductRates, changed);
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
     * Prepares these for more that is measured now.
     *
     * @param now what a run that begins now begins with
     * @return a changed copy
     * @throws BadInputException if these were measured elsewhere, otherwise, or with another build
     */
    public Results resume(Results now) {
        List<String> differences = new ArrayList<>(now.machine.differences(machine));
        if (!Objects.equals(now.machine.commit(), machine.commit())) {
            differences.add("commit " + machine.commit() + ", now " + now.machine.commit());
        }
        if (quick != now.quick) {
            differences.add("quick " + quick + ", now " + now.quick);
        }
        if (!differences.isEmpty()) {
            throw new BadInputException(
                    "The results of "
                            + date
                            + " cannot be resumed: "
                            + String.join("; ", differences)
                            + "; choose another --out");
        }
        return new Results(
                machine.with(now.machine.versions()),
                date,
                quick,
                options + "; " + now.options,
                now.notes,
                matrixProductRates,
                measurements);
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
}

package io.github.djlspectral.examples.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * What all rounds found of one contender.
 *
 * @param key what was measured
 * @param against the contenders for the same subject whose time this one's is divided by
 * @param rounds what was found, in the order of time
 */
public record Measurement(Key key, List<String> against, List<Round> rounds) {

    Measurement with(Round round) {
        List<Round> all = new ArrayList<>(rounds);
        all.removeIf(old -> old.number() == round.number()); // it failed, and was tried again
        all.add(round);
        return new Measurement(key, against, List.copyOf(all));
    }

    Measurement against(List<String> others) {
        return new Measurement(key, others, rounds);
    }

    /** Returns the rounds that brought times. */
    List<Round> measured() {
        return rounds.stream().filter(Round::isMeasured).toList();
    }

    /** Whether there is any time. */
    boolean isMeasured() {
        return !measured().isEmpty();
    }

    /** Returns each round's time of an operation, seconds. */
    double[] times() {
        return known(Round::medianSeconds);
    }

    /** Returns each round's peak memory, bytes; empty if it was not measured. */
    double[] memories() {
        return known(Round::peakMemory);
    }

    /** Returns the time of an operation, seconds. */
    Uncertain time() {
        return Uncertain.mean(times());
    }

    /** Returns the peak memory, bytes. */
    Optional<Uncertain> memory() {
        return mean(memories());
    }

    /** Returns the memory that the operation brought, bytes. */
    Optional<Uncertain> ownMemory() {
        return mean(known(Round::ownMemory));
    }

    /** Returns by how much singular values of a polar factor differ from 1 at most. */
    Optional<Uncertain> polarError() {
        return mean(known(Round::polarError));
    }

    /** Returns by how much that memory differs from its prediction, by the prediction. */
    Optional<Uncertain> memoryDeviation() {
        return mean(
                measured().stream()
                        .filter(round -> round.ownMemory() > 0 && round.predictedMemory() > 0)
                        .mapToDouble(round -> round.ownMemory() / round.predictedMemory() - 1)
                        .toArray());
    }

    /** Returns the reason of the last failure, if there is no time at all. */
    Optional<String> failure() {
        return isMeasured() || rounds.isEmpty()
                ? Optional.empty()
                : Optional.of(rounds.get(rounds.size() - 1).failure());
    }

    /**
     * Returns this one's time by another's, from the rounds that have both: the two are neighbours
     * in a round, so that what slows the machine for minutes cancels.
     *
     * @return empty if no round has both
     */
    Optional<Uncertain> timeBy(Measurement other) {
        double[] ratios =
                measured().stream()
                        .flatMap(
                                mine ->
                                        other.measured().stream()
                                                .filter(its -> its.number() == mine.number())
                                                .map(
                                                        its ->
                                                                mine.medianSeconds()
                                                                        / its.medianSeconds()))
                        .mapToDouble(ratio -> ratio)
                        .toArray();
        return ratios.length == 0 ? Optional.empty() : Optional.of(Uncertain.geometricMean(ratios));
    }

    /** Returns a number of each round that has it. */
    private double[] known(ToDoubleFunction<Round> number) {
        return measured().stream().mapToDouble(number).filter(value -> value > 0).toArray();
    }

    private static Optional<Uncertain> mean(double[] samples) {
        return samples.length == 0 ? Optional.empty() : Optional.of(Uncertain.mean(samples));
    }
}

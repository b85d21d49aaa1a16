package io.github.djlspectral.examples.bench.run;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What Python's PyTorch can be measured at.
 *
 * @param versions of Python and PyTorch, by name; {@code torch-threads} is how many it uses
 * @param contestants what there is to measure
 * @param skipped why there is nothing; null if there is
 */
record PythonPeer(
        Map<String, String> versions, List<PythonContestant> contestants, String skipped) {

    /** A line that the script prints. */
    private record Line(
            Suite suite,
            String subject,
            String contender,
            List<Double> seconds,
            double peakMemory,
            double baseMemory,
            double polarError) {

        private Key key() {
            return new Key(suite, subject, contender);
        }

        private boolean isComplete() {
            return suite != null && subject != null && contender != null;
        }
    }

    /**
     * Asks the script what there is.
     *
     * @param process runs the script
     * @param options for every call
     */
    static PythonPeer ask(PythonProcess process, List<String> options) {
        List<String> arguments = new ArrayList<>(options);
        arguments.add("--list");
        PythonProcess.Outcome outcome = process.run(arguments);
        if (outcome.failure() != null) {
            return skipped(outcome.failure());
        }
        if (outcome.lines().isEmpty()) {
            return skipped("the script lists nothing");
        }
        try {
            Map<String, String> versions =
                    JsonUtils.GSON.fromJson(outcome.lines().get(0), new TypeToken<>() {});
            List<PythonContestant> contestants =
                    outcome.lines().stream()
                            .skip(1)
                            .map(text -> parse(text).key())
                            .map(key -> new PythonContestant(key, process, options))
                            .toList();
            return new PythonPeer(versions, contestants, null);
        } catch (JsonParseException e) {
            return skipped(e.getMessage());
        }
    }

    /** Leaves Python out. */
    static PythonPeer skipped(String why) {
        return new PythonPeer(Map.of(), List.of(), "Python's PyTorch is skipped: " + why);
    }

    /** Returns the note for the report, if there is nothing. */
    Optional<String> note() {
        return Optional.ofNullable(skipped);
    }

    /**
     * Reads what a measurement printed.
     *
     * @param key what was to be measured
     */
    static Round round(int number, Key key, PythonProcess.Outcome outcome) {
        if (outcome.failure() != null) {
            return Round.failed(number, outcome.failure());
        }
        if (outcome.lines().size() != 1) {
            String failure = "the script printed " + outcome.lines().size() + " lines, not one";
            return Round.failed(number, failure);
        }
        try {
            Line line = parse(outcome.lines().get(0));
            if (!line.key().equals(key) || line.seconds() == null || line.seconds().isEmpty()) {
                return Round.failed(number, "the script printed " + outcome.lines().get(0));
            }
            return new Round(
                    number,
                    List.copyOf(line.seconds()),
                    line.peakMemory(),
                    line.baseMemory(),
                    0,
                    line.polarError(),
                    null);
        } catch (JsonParseException e) {
            return Round.failed(number, e.getMessage());
        }
    }

    private static Line parse(String text) {
        Line line = JsonUtils.GSON.fromJson(text, Line.class);
        if (!line.isComplete()) {
            throw new JsonParseException("the script printed " + text);
        }
        return line;
    }
}

package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.text.BadInputException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Options of {@code train}, each once: picocli refuses an option that is given twice, but a plan is
 * made of layers that replace each other's.
 *
 * @param values the values by option, {@code --steps} and the like
 */
record TrainArguments(Map<String, String> values) {

    private static final String NEGATION = "--no-";

    /**
     * Reads options as on the command line: {@code --name value}, {@code --name=value}, {@code
     * --flag} or {@code --no-flag}.
     *
     * @throws BadInputException if there is a value without an option
     */
    static TrainArguments parse(List<String> words) {
        Map<String, String> values = new LinkedHashMap<>();
        String pending = null;
        for (String word : words) {
            int equals = word.indexOf('=');
            if (!word.startsWith("--")) {
                if (pending == null) {
                    throw new BadInputException(
                            "'" + word + "' is not an option of train: write --name=value");
                }
                values.put(pending, word);
                pending = null;
            } else if (equals >= 0) {
                values.put(word.substring(0, equals), word.substring(equals + 1));
                pending = null;
            } else if (word.startsWith(NEGATION)) {
                values.put("--" + word.substring(NEGATION.length()), "false");
                pending = null;
            } else {
                values.put(word, "true"); // unless a value follows
                pending = word;
            }
        }
        return new TrainArguments(values);
    }

    /** Reads options that contain no blanks. */
    static TrainArguments parse(String text) {
        return parse(List.of(text.strip().split("\\s+")));
    }

    /** Returns these options with others on top. */
    TrainArguments plus(TrainArguments others) {
        Map<String, String> all = new LinkedHashMap<>(values);
        all.putAll(others.values);
        return new TrainArguments(all);
    }

    TrainArguments without(String option) {
        Map<String, String> left = new LinkedHashMap<>(values);
        left.remove(option);
        return new TrainArguments(left);
    }

    TrainArguments plus(String option, Object value) {
        return plus(new TrainArguments(Map.of(option, value.toString())));
    }

    /** Returns the options as arguments of {@code train}. */
    List<String> toList() {
        boolean alone =
                List.of("adamw", "sgd")
                        .contains(
                                values.getOrDefault("--optimizer", "")); // with no AdamW beside it
        return (alone ? without("--adamw-lr") : this)
                .values.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
    }
}

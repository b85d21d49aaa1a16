package io.github.djlspectral.zoo;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What a model's metadata and a search's criteria say to its factories. From JSON all numbers
 * arrive as {@code Double}; from a program as anything that prints as a number.
 */
final class Arguments {

    private final Map<String, Object> values;

    /** Takes the arguments by name, and the values of those that may be missing. */
    Arguments(Map<String, ?> given, Map<String, ?> defaults) {
        values = new HashMap<>(defaults);
        values.putAll(given);
    }

    String text(String name) {
        Object value = values.get(name);
        BadInputException.unless(value != null, "The model's metadata lack the argument %s", name);
        return value.toString();
    }

    /** Returns the strings of a list, or one string alone. */
    List<String> texts(String name) {
        return values.get(name) instanceof Collection<?> all
                ? all.stream().map(String::valueOf).toList()
                : List.of(text(name));
    }

    boolean flag(String name) {
        String text = text(name);
        boolean legal = text.equals("true") || text.equals("false");
        BadInputException.unless(legal, "%s is %s, but must be true or false", name, text);
        return text.equals("true");
    }

    double real(String name) {
        return number(name, Double::parseDouble, "a number");
    }

    int integer(String name) {
        return number(name, text -> new BigDecimal(text).intValueExact(), "a whole number");
    }

    long wide(String name) {
        return number(name, text -> new BigDecimal(text).longValueExact(), "a whole number");
    }

    private <N> N number(String name, Function<String, N> parse, String legal) {
        String text = text(name);
        try {
            return parse.apply(text);
        } catch (NumberFormatException | ArithmeticException e) { // the latter if it is not exact
            throw new BadInputException(name + " is '" + text + "', but must be " + legal, e);
        }
    }

    <E extends Enum<E>> E constant(String name, Class<E> type) {
        String text = text(name);
        E[] all = type.getEnumConstants();
        return Arrays.stream(all)
                .filter(value -> value.name().equalsIgnoreCase(text))
                .findFirst()
                .orElseThrow(() -> illegal(name, "one of " + Arrays.toString(all)));
    }

    BadInputException illegal(String name, String legal) {
        return new BadInputException(name + " is " + text(name) + ", but must be " + legal);
    }

    /**
     * Refuses a model that is out of all proportion to its file, before memory is taken for it.
     *
     * @param folder has the file; null if there is none
     * @param numbers that the model has at least
     * @throws BadInputException if no file is as large
     */
    static void requireFile(Path folder, double numbers) {
        if (folder == null) {
            return;
        }
        long largest = 0;
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                largest = Math.max(largest, Files.size(file));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + folder + " (" + e + ")", e);
        }
        BadInputException.unless( // a small difference is told better when parameters are read
                numbers * Float.BYTES <= 2.0 * largest + (1 << 20),
                "The model's metadata describe one of at least %.0f numbers, but no file in %s has"
                        + " more than %d bytes",
                numbers,
                folder,
                largest);
    }
}

package io.github.djlspectral.zoo;

import io.github.djlspectral.text.BadInputException;
import java.io.File;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

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
        if (!text(name).matches("true|false")) {
            throw illegal(name, "true or false");
        }
        return text(name).equals("true");
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
        for (E value : type.getEnumConstants()) {
            if (value.name().equalsIgnoreCase(text(name))) {
                return value;
            }
        }
        throw illegal(name, "one of " + Arrays.toString(type.getEnumConstants()));
    }

    BadInputException illegal(String name, String legal) {
        return new BadInputException(name + " is " + text(name) + ", but must be " + legal);
    }

    /** Refuses a model out of all proportion to its files, before memory is taken for it. */
    static void requireFiles(Path folder, double numbers) {
        File[] files = folder == null ? null : folder.toFile().listFiles();
        if (files == null) {
            return;
        }
        long size = Arrays.stream(files).mapToLong(File::length).sum();
        // A small difference is told better when parameters are read.
        boolean proportionate = numbers * Float.BYTES <= 2.0 * size + (1 << 20);
        String problem =
                "The model's metadata describe one of at least %.0f numbers, but all files in %s have"
                        + " only %s bytes";
        BadInputException.unless(proportionate, problem, numbers, folder, size);
    }
}

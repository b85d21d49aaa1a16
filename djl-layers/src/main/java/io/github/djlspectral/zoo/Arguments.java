package io.github.djlspectral.zoo;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a model's metadata and a search's criteria say to its factories. From JSON all numbers
 * arrive as {@code Double}; from a program as anything that prints as a number.
 *
 * @param values the arguments by name
 */
record Arguments(Map<String, ?> values) {

    int integer(String name) {
        return Math.toIntExact(wholeNumber(name, require(name)));
    }

    int integer(String name, int otherwise) {
        return values.containsKey(name) ? integer(name) : otherwise;
    }

    long number(String name, long otherwise) {
        return values.containsKey(name) ? wholeNumber(name, require(name)) : otherwise;
    }

    double real(String name) {
        return real(name, require(name));
    }

    double real(String name, double otherwise) {
        return values.containsKey(name) ? real(name) : otherwise;
    }

    boolean flag(String name) {
        String text = require(name);
        if (!text.equals("true") && !text.equals("false")) {
            throw new BadInputException(name + " is " + text + ", but must be true or false");
        }
        return text.equals("true");
    }

    boolean flag(String name, boolean otherwise) {
        return values.containsKey(name) ? flag(name) : otherwise;
    }

    /** Returns the strings of a list, or one string alone; none without the argument. */
    List<String> texts(String name) {
        Object value = values.get(name);
        if (value == null) {
            return List.of();
        }
        return value instanceof Collection<?> all
                ? all.stream().map(String::valueOf).toList()
                : List.of(value.toString());
    }

    String text(String name) {
        return require(name);
    }

    /**
     * Refuses a model that is out of all proportion to its file, before memory is taken for it.
     *
     * @param folder has the file; null if there is none
     * @param numbers that the model has at least
     * @throws BadInputException if no file is as large
     */
    void requireFile(Path folder, double numbers) {
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
        // A small difference is told better when the parameters are read.
        if (numbers * Float.BYTES > 2.0 * largest + (1 << 20)) {
            throw new BadInputException(
                    String.format(
                            Locale.ROOT,
                            "The model's metadata describe one of at least %.0f numbers, but no"
                                    + " file in %s has more than %d bytes",
                            numbers,
                            folder,
                            largest));
        }
    }

    private String require(String name) {
        Object value = values.get(name);
        if (value == null) {
            throw new BadInputException("The model's metadata lack the argument " + name);
        }
        return value.toString();
    }

    /** Whole numbers above 2^53 are read exactly when they are given as such. */
    private static long wholeNumber(String name, String text) {
        if (text.matches("[+-]?\\d{1,18}")) {
            return Long.parseLong(text);
        }
        double value = real(name, text);
        if (value != Math.rint(value) || Math.abs(value) > Long.MAX_VALUE) {
            throw new BadInputException(name + " is " + text + ", but must be a whole number");
        }
        return (long) value;
    }

    private static double real(String name, String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw new BadInputException(name + " is '" + text + "', but must be a number", e);
        }
    }
}

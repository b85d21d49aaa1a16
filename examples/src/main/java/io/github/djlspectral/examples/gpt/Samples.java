package io.github.djlspectral.examples.gpt;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The file {@code samples.txt} of a run: what the model writes as it learns. */
record Samples(Path path) {

    private static final Pattern HEADING = Pattern.compile("(?m)^===== step (\\d+) =====$");

    /** Appends a sample. */
    void append(int step, String text) {
        write("===== step " + step + " =====\n" + text + "\n\n", StandardOpenOption.APPEND);
    }

    /** Tells whether there is a sample of a step. */
    boolean has(int step) {
        try {
            return Files.exists(path)
                    && Files.readString(path).contains("===== step " + step + " =====\n");
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    /** Removes the samples of later steps: they will be made again. */
    void truncateAfter(int lastStep) {
        try {
            String text = Files.exists(path) ? Files.readString(path) : "";
            Matcher heading = HEADING.matcher(text);
            while (heading.find()) {
                if (Long.parseLong(heading.group(1)) > lastStep) {
                    text = text.substring(0, heading.start());
                    break;
                }
            }
            write(text, StandardOpenOption.TRUNCATE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }

    private void write(String text, StandardOpenOption mode) {
        try {
            Files.writeString(
                    path, text, StandardOpenOption.CREATE, StandardOpenOption.WRITE, mode);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }
}

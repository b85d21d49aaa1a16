package io.github.djlspectral.examples.gpt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** A text for the smallest models: a cycle of 16 different letters. */
public final class TestText {

    /** Entropy of one letter when those before it are ignored, in nats. */
    static final double UNIGRAM_ENTROPY = Math.log(16);

    private static final String CYCLE = "qzkaxvjbwnopfmdu";
    private static final int REPETITIONS = 1250;

    private TestText() {}

    /** Writes 20 kB of text. */
    public static Path write(Path directory) throws IOException {
        return Files.writeString(directory.resolve("cycle.txt"), CYCLE.repeat(REPETITIONS));
    }

    /**
     * Returns options for a model of a few thousand parameters that trains in a second or two.
     *
     * @param more options of the form --name=value, which win
     */
    public static String[] options(Path text, Path out, String... more) {
        String small =
                "--tokenizer=chars --layers=2 --heads=2 --width=16 --context=16 --batch=4"
                        + " --accumulate=2 --dropout=0.1 --bias --steps=12 --warmup=3"
                        + " --eval-every=5 --eval-batches=2 --checkpoint-every=4 --sample-every=0";
        Map<String, String> options = new LinkedHashMap<>();
        Stream.of(small.split(" ")).forEach(option -> options.put(name(option), option));
        Stream.of("--data=" + text, "--out=" + out).forEach(o -> options.put(name(o), o));
        Stream.of(more).forEach(option -> options.put(name(option), option));
        return options.values().toArray(String[]::new);
    }

    private static String name(String option) {
        return option.split("=")[0];
    }
}

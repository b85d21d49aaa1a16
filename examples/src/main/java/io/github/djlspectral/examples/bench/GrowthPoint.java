package io.github.djlspectral.examples.bench;

import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A GPT-2 and its batch, for growth along one axis at a time.
 *
 * @param width C; a head for each 64
 * @param depth the number of layers
 * @param batch the number of sequences B
 * @param context the tokens of each T
 */
record GrowthPoint(int width, int depth, int batch, int context) {

    private static final GrowthPoint BASE = new GrowthPoint(512, 2, 4, 256);
    private static final int VOCABULARY = 8192;
    private static final int HEAD = 64;
    private static final Pattern AXIS = Pattern.compile("(width|depth|batch|context)=([1-9]\\d*)");

    /**
     * Changes the base, which is width 512, depth 2, batch 4 and context 256, along one axis.
     *
     * @param text such as "width=768"
     * @throws IllegalArgumentException if it is nothing of the kind
     */
    static GrowthPoint parse(String text) {
        Matcher axis = AXIS.matcher(text);
        if (!axis.matches()) {
            throw new IllegalArgumentException(
                    "A point of growth is " + AXIS + ", such as width=768, not " + text);
        }
        int value = Integer.parseInt(axis.group(2));
        return switch (axis.group(1)) {
            case "width" -> new GrowthPoint(value, BASE.depth, BASE.batch, BASE.context);
            case "depth" -> new GrowthPoint(BASE.width, value, BASE.batch, BASE.context);
            case "batch" -> new GrowthPoint(BASE.width, BASE.depth, value, BASE.context);
            default -> new GrowthPoint(BASE.width, BASE.depth, BASE.batch, value);
        };
    }

    /** Returns the number of tokens in the batch. */
    long tokens() {
        return (long) batch * context;
    }

    /** Returns the model, without dropout. */
    Gpt2Config config() {
        return new Gpt2Config(VOCABULARY, context, depth, width / HEAD, width, 0, true);
    }
}

package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one operation on GPT-2 takes, or one product of square matrices.
 *
 * @param tokens that go through it; 0 for a matrix product
 * @param operations of its matrix products and attention: two per weight and token, and attention's
 *     scores and sums in full, although half of them are masked; three times as many with a
 *     backward pass. Of a training step, the optimizer's are not counted
 */
record Gpt2Work(long tokens, double operations) {

    private static final Map<String, Gpt2Config> SIZES =
            Map.of(
                    "one layer", new Gpt2Config(64, 1024, 1, 12, 768, 0, true),
                    "124M", Gpt2Config.gpt2Small(),
                    "355M", Gpt2Config.gpt2Medium(),
                    "774M", Gpt2Config.gpt2Large(),
                    "1558M", Gpt2Config.gpt2Xl());
    private static final Pattern SUBJECT =
            Pattern.compile("(one layer|\\d+M), B=(\\d+), T=(\\d+), (forward|backward|step)");
    private static final Pattern PRODUCT = Pattern.compile("product (\\d+)");
    private static final double WEIGHTS_OF_LAYER = 12; // by the width squared
    private static final double ATTENTION = 4;

    /**
     * Reads a subject.
     *
     * @return empty if it is of another kind
     */
    static Optional<Gpt2Work> of(String subject) {
        Matcher product = PRODUCT.matcher(subject);
        if (product.matches()) {
            double side = Double.parseDouble(product.group(1));
            return Optional.of(new Gpt2Work(0, 2 * side * side * side));
        }
        Matcher matcher = SUBJECT.matcher(subject);
        if (!matcher.matches() || !SIZES.containsKey(matcher.group(1))) {
            return Optional.empty();
        }
        Gpt2Config config = SIZES.get(matcher.group(1));
        long length = Long.parseLong(matcher.group(3));
        long tokens = Long.parseLong(matcher.group(2)) * length;
        double width = config.width();
        double layer = 2 * WEIGHTS_OF_LAYER * width * width + ATTENTION * width * length;
        double forward = config.layers() * layer + 2 * width * config.vocabSize();
        int passes = matcher.group(4).equals("forward") ? 1 : 3;
        return Optional.of(new Gpt2Work(tokens, passes * forward * tokens));
    }
}

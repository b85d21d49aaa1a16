package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.optim.UpdateScale;
import io.github.djlspectral.text.BadInputException;

/** The legal range of every option of a training run; what is out of it is refused by name. */
final class TrainChecks {

    private static final int MOST_PASSES = 1 << 20;
    private static final int MOST_LAYERS = 10_000;
    private static final int LARGEST_WIDTH = 1 << 20;
    private static final int LARGEST_VOCABULARY = 1 << 20;
    private static final int LONGEST_CONTEXT = 1 << 20;

    private TrainChecks() {}

    /** Fails unless options that were read from a file are all there and legal. */
    static void requireComplete(TrainingOptions options) {
        known("--preset", options.preset);
        known("--optimizer", options.optimizer);
        known("--tokenizer", options.tokenizer);
        known("--precision", options.precision);
        known("--schedule", options.schedule);
        known("--normalization", options.normalization);
        require(options.device != null, "--device", null, "a string");
        requireLegal(options);
    }

    /** Fails unless every option is in its range, naming the option. */
    static void requireLegal(TrainingOptions options) {
        model(options);
        steps(options);
        optimizer(options);
        Devices.requireName(options.device);
    }

    private static void model(TrainingOptions options) {
        between(1, MOST_LAYERS, "--layers", options.layers);
        atLeast(1, "--heads", options.heads);
        between(0, LARGEST_VOCABULARY, "--vocab-size", options.vocabSize);
        between(1, LARGEST_WIDTH, "--width", options.width);
        between(1, LONGEST_CONTEXT, "--context", options.context);
        String multiple = "a multiple of --heads " + options.heads;
        require(options.width % options.heads == 0, "--width", options.width, multiple);
        share("--dropout", options.dropout);
    }

    private static void steps(TrainingOptions options) {
        between(1, Integer.MAX_VALUE / options.context, "--batch", options.batch);
        between(1, MOST_PASSES, "--accumulate", options.accumulate);
        atLeast(1, "--steps", options.steps);
        atLeast(1, "--eval-every", options.evalEvery);
        atLeast(1, "--eval-batches", options.evalBatches);
        atLeast(1, "--checkpoint-every", options.checkpointEvery);
        atLeast(1, "--keep", options.keep);
        atLeast(0, "--skip-nonfinite", options.skipNonfinite);
        atLeast(0, "--sample-every", options.sampleEvery);
        atLeast(0, "--spectrum-every", options.spectrumEvery);
        String none = "0 with --optimizer " + options.optimizer + ", which maps no spectra";
        boolean measurable = options.spectrumEvery == 0 || options.isSpectral();
        require(measurable, "--spectrum-every", options.spectrumEvery, none);
        atLeast(0, "--warmup", options.warmup);
    }

    private static void optimizer(TrainingOptions options) {
        positive("--lr", options.lr);
        if (options.isSpectral()) {
            positive("--adamw-lr", options.adamwLr);
        }
        spectral("--adamw-weight-decay", options.adamwWeightDecay, options);
        if (options.adamwWeightDecay != null) {
            atLeastZero("--adamw-weight-decay", options.adamwWeightDecay);
        }
        spectral("--adamw-warmup", options.adamwWarmup, options);
        if (options.adamwWarmup != null) {
            atLeast(0, "--adamw-warmup", options.adamwWarmup);
        }
        spectral("--update-scale", options.updateScale, options);
        if (options.updateScale != null) {
            updateScale(options.updateScale);
        }
        fraction("--lr-end", options.lrEnd, "");
        share("--momentum", options.momentum);
        fraction("--exponent", options.exponent, "");
        if (options.floor != null) {
            fraction("--floor", options.floor, ", relative to the root mean square singular value");
        }
        boolean few = options.iterations >= 1 && options.iterations <= 32;
        require(few, "--iterations", options.iterations, "a whole number in [1, 32]");
        share("--fraction", options.fraction);
        share("--beta1", options.beta1);
        share("--beta2", options.beta2);
        atLeastZero("--weight-decay", options.weightDecay);
        atLeastZero("--clip", options.clip);
        boolean clips = options.clip == 0 || (float) options.clip > 0;
        require(clips, "--clip", options.clip, "0, or a float above 1e-45");
    }

    private static void updateScale(String name) {
        try {
            UpdateScale.of(name);
        } catch (IllegalArgumentException e) {
            throw new BadInputException("--update-scale: " + e.getMessage(), e);
        }
    }

    static void spectral(String option, Object given, TrainingOptions options) {
        String range =
                "left out with --optimizer %s, which treats all parameters alike"
                        .formatted(options.optimizer);
        require(given == null || options.isSpectral(), option, given, range);
    }

    private static void known(String option, Object value) {
        require(value != null, option, null, "known to this version");
    }

    private static void atLeast(int least, String option, int value) {
        require(value >= least, option, value, "a whole number of at least " + least);
    }

    private static void between(int least, int most, String option, int value) {
        String range = "a whole number from " + least + " to " + most;
        require(value >= least && value <= most, option, value, range);
    }

    // The optimizers take floats: what rounds to 0, 1 or infinity is out of range too.

    private static void positive(String option, double value) {
        float rounded = (float) value;
        require(rounded > 0 && Float.isFinite(rounded), option, value, "a positive float");
    }

    private static void atLeastZero(String option, double value) {
        boolean legal = value >= 0 && Float.isFinite((float) value);
        require(legal, option, value, "a float of at least 0");
    }

    private static void share(String option, double value) {
        require(value >= 0 && (float) value < 1, option, value, "in [0, 1), as a float too");
    }

    private static void fraction(String option, double value, String more) {
        require(value >= 0 && value <= 1, option, value, "in [0, 1]" + more);
    }

    static void require(boolean legal, String option, Object value, String range) {
        BadInputException.unless(legal, "%s is %s, but must be %s", option, value, range);
    }
}

package io.github.djlspectral.examples.train;

/**
 * What is known about a run after a step.
 *
 * @param step the number of steps done
 * @param trainLoss mean loss of the step's tokens before its update, nats per token
 * @param validationLoss nats per token after the update; NaN if not evaluated
 * @param learningRate the step's learning rate
 * @param gradientNorm global norm of the gradient before clipping
 * @param tokens training tokens so far
 * @param seconds time spent in this run so far, without breaks between its processes
 * @param tokensPerSecond training speed of this step alone
 * @param skipped the steps' batches skipped so far, because loss or gradients were not finite
 */
record MetricsRow(
        int step,
        float trainLoss,
        float validationLoss,
        float learningRate,
        float gradientNorm,
        long tokens,
        double seconds,
        double tokensPerSecond,
        int skipped) {

    MetricsRow withValidation(float loss) {
        return new MetricsRow(
                step,
                trainLoss,
                loss,
                learningRate,
                gradientNorm,
                tokens,
                seconds,
                tokensPerSecond,
                skipped);
    }

    boolean evaluated() {
        return !Float.isNaN(validationLoss);
    }
}

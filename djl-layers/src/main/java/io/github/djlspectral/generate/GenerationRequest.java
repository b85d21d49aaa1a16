package io.github.djlspectral.generate;

import java.util.Objects;

/**
 * A text to continue.
 *
 * @param prompt the text so far, at least one token
 * @param options how to continue it
 */
public record GenerationRequest(String prompt, GenerationOptions options) {

    /**
     * Checks that nothing is missing.
     *
     * @param prompt the text so far
     * @param options how to continue it
     * @throws NullPointerException if either is null
     */
    public GenerationRequest {
        Objects.requireNonNull(prompt, "prompt");
        Objects.requireNonNull(options, "options");
    }
}

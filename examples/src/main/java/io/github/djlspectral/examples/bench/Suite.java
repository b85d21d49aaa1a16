package io.github.djlspectral.examples.bench;

import com.google.gson.annotations.SerializedName;
import java.util.Locale;

/** What benchmarks are about; each suite is one table of the report. */
public enum Suite {
    /** One step of an optimizer, on one matrix or on all parameters of a model. */
    @SerializedName("optimizers")
    OPTIMIZERS("One step of an optimizer"),
    /** The ways to compute a power of the singular values. */
    @SerializedName("routes")
    ROUTES("Freon's step by the way to compute the power"),
    /** GPT-2 forward, backward, and whole training steps. */
    @SerializedName("gpt2")
    GPT2("GPT-2"),
    /** GPT-2 writes text. */
    @SerializedName("generation")
    GENERATION("GPT-2 writes"),
    /** Isometric layers. */
    @SerializedName("layers")
    LAYERS("Isometric layers, forward and backward"),
    /** Time and memory against one size of a model or of its input. */
    @SerializedName("growth")
    GROWTH("Growth with size");

    private final String title;

    Suite(String title) {
        this.title = title;
    }

    /**
     * Returns the headline of its table.
     *
     * @return such as "One step of an optimizer"
     */
    public String title() {
        return title;
    }

    /** Returns the name in lower case, as on the command line and in files. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

package io.github.djlspectral.examples.classify;

import ai.djl.nn.Block;
import io.github.djlspectral.layers.flow.AttentionFlow;
import java.util.Locale;

/** What lets the tokens of a classifier see each other. Both have d x d parameters per head. */
enum Mixer {
    /** Attention as a gradient flow, with weights of its own for each step. */
    FLOW("attention flow"),
    /** Ordinary attention: as many layers as the flow has steps. */
    ATTENTION("ordinary attention");

    /**
     * A step of the flow has a matrix per head, a layer Q, K, V and O: with four they are equal.
     */
    static final int HEADS = 4;

    private final String label;

    Mixer(String label) {
        this.label = label;
    }

    Block block(ClassifierSettings settings) {
        return switch (this) {
            case FLOW ->
                    AttentionFlow.builder()
                            .setDimension(settings.width())
                            .setHeads(HEADS)
                            .setSteps(settings.depth())
                            .setStepSize(settings.stepSize())
                            .build();
            case ATTENTION -> new SelfAttention(settings.width(), HEADS, settings.depth());
        };
    }

    /** Names it to people. */
    String label() {
        return label;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

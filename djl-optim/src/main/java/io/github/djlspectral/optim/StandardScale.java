package io.github.djlspectral.optim;

/** The constants of {@link UpdateScale}, which have names. */
enum StandardScale implements UpdateScale {
    SPECTRAL,
    MATCH_RMS,
    SPECTRAL_CONDITION,
    NONE;

    @Override
    public double factor(double rows, double columns) {
        return switch (this) {
            case SPECTRAL -> Math.sqrt(Math.max(1, rows / columns));
            case MATCH_RMS -> 0.2 * Math.sqrt(Math.max(rows, columns));
            case SPECTRAL_CONDITION -> Math.sqrt(rows / columns);
            case NONE -> 1;
        };
    }

    @Override
    public double fallbackRatio() {
        return this == MATCH_RMS ? 1 : UpdateScale.super.fallbackRatio();
    }
}

package io.github.djlspectral.optim.diagnostics;

/**
 * What went into the map of one parameter's step, and what came out.
 *
 * @param step the number of the step, from 1
 * @param parameter the name of the parameter
 * @param momentum the spectrum of what enters the map, after Nesterov's look ahead
 * @param update the spectrum of what leaves it, before scale and learning rate
 */
public record UpdateSpectra(int step, String parameter, Spectrum momentum, Spectrum update) {}

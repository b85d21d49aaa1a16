package io.github.djlspectral.layers.flow;

import ai.djl.ndarray.NDArray;

/**
 * What a {@link FlowSimulator} has seen of one path, at R times. Integrals run from 0, as left
 * Riemann sums over every step, also those between the records.
 *
 * <p>Energy and dissipation satisfy {@code E_t - E_0 = energyDrift - dissipationIntegral +
 * martingale} up to the step size. With the {@code slope} of arXiv:2605.18870, which the authors'
 * program takes for the dissipation, the same holds for one head only.
 *
 * @param time the times
 * @param energy {@code E = sum_h sum_ij exp(<x_i, D_h x_j>) / (2 H n^2)}
 * @param slope the squared metric slope, {@code mean_i |v_i|^2 / mean_h(n / N_i)}
 * @param dissipation {@code mean_i <mean_h (N_i / n) P w_i, v_i>}: what the motion of the tokens
 *     really takes from the energy per unit of time
 * @param energyDrift the integral of the energy's change at fixed tokens: by the drift of the
 *     weights, and Ito's correction
 * @param slopeIntegral the integral of the slope
 * @param dissipationIntegral the integral of the dissipation
 * @param martingale what the noise of the weights has added to the energy
 * @param tokens the tokens, [R, n, d]; attached to the manager of the tokens the run began with
 * @param weights the final weights, [heads, d, d]; attached to the same manager
 */
public record FlowRecord(
        double[] time,
        double[] energy,
        double[] slope,
        double[] dissipation,
        double[] energyDrift,
        double[] slopeIntegral,
        double[] dissipationIntegral,
        double[] martingale,
        NDArray tokens,
        NDArray weights) {

    /**
     * {@return {@code E_t - E_0 - (energyDrift - dissipationIntegral + martingale)} at each time:
     * how far the identity of energy and dissipation is from holding, O(step size)}
     */
    public double[] residual() {
        return residual(dissipationIntegral);
    }

    /**
     * {@return the same with the published slope in place of the dissipation} For more than one
     * head it does not vanish with the step size.
     */
    public double[] slopeResidual() {
        return residual(slopeIntegral);
    }

    private double[] residual(double[] lost) {
        double[] residual = new double[time.length];
        for (int i = 0; i < residual.length; i++) {
            double expected = energyDrift[i] - lost[i] + martingale[i];
            residual[i] = energy[i] - energy[0] - expected;
        }
        return residual;
    }

    /** {@return the slope's average over time} */
    public double meanSlope() {
        int last = time.length - 1;
        return slopeIntegral[last] / time[last];
    }
}

package io.github.djlspectral.examples.experiment;

/**
 * How well an update direction D suits the loss f around the weights W, which become W - t D: the
 * second-order model {@code f(W - t D) = f(W) - t <G, D> + t^2/2 <D, H D>} along it, with the
 * gradient G of the full loss, its Hessian H, and the gradient G~ of the mini-batch that D was made
 * from. Products are summed over all entries of all weights.
 *
 * <p>Of two directions the one with the larger {@code alignment^2 potential} descends further with
 * its best step: {@link #bestDecrease} is half of it ("Muon is Not That Special: Random or Inverted
 * Spectra Work Just as Well", arXiv:2605.11181).
 *
 * @param slope {@code <G, D>}: positive if the full loss falls at first
 * @param batchSlope {@code <G~, D>}
 * @param curvature {@code <D, H D>}; if it isn't positive, there is no best step
 */
public record LocalDescent(double slope, double batchSlope, double curvature) {

    /** Returns the share of the descent seen in the batch that holds for the full loss. */
    public double alignment() {
        return slope / batchSlope;
    }

    /** Returns twice the decrease by the best step if the batch's slope were the full one. */
    public double potential() {
        return batchSlope * batchSlope / curvature;
    }

    /** Returns the t of exact line search. */
    public double bestStep() {
        return slope / curvature;
    }

    /** Returns how far the best step lowers the full loss. */
    public double bestDecrease() {
        return slope * slope / (2 * curvature);
    }
}

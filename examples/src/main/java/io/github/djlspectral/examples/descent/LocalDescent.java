package io.github.djlspectral.examples.descent;

import ai.djl.ndarray.NDList;
import io.github.djlspectral.torch.TorchScript;

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
 * @param curvature {@code <D, H D>}
 */
public record LocalDescent(double slope, double batchSlope, double curvature) {

    static final TorchScript KERNELS = TorchScript.ofResources(LocalDescent.class, "descent.py");

    /**
     * Returns {@code gamma = <G, D> / <G~, D>}: the share of the descent seen in the batch that
     * holds for the full loss.
     *
     * @return the alignment; 1 for the full gradient, NaN for a direction of zeros
     */
    public double alignment() {
        return slope / batchSlope;
    }

    /**
     * Returns {@code phi = <G~, D>^2 / <D, H D>}, which does not depend on the length of D: twice
     * the decrease with the best step if the batch's slope were the full one.
     *
     * @return the descent potential; negative where the loss curves downwards, NaN for a direction
     *     of zeros
     */
    public double potential() {
        return batchSlope * batchSlope / curvature;
    }

    /**
     * Returns the step of exact line search in the second-order model, {@code <G, D> / <D, H D>}.
     *
     * @return t; a minimum only if the curvature is positive; NaN for a direction of zeros
     */
    public double bestStep() {
        return slope / curvature;
    }

    /**
     * Returns how far the best step lowers the full loss in the second-order model, {@code <G, D>^2
     * / (2 <D, H D>)}, which is {@code alignment^2 potential / 2}.
     *
     * @return the decrease; meaningful only if the curvature is positive
     */
    public double bestDecrease() {
        return slope * slope / (2 * curvature);
    }

    static double innerProduct(NDList a, NDList b) {
        return KERNELS.callDouble(a.get(0).getManager(), "inner_product", a, b);
    }
}

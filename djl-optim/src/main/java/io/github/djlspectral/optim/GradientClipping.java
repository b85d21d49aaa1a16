package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.Trainer;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.Map;

/** Clipping of gradients between the backward pass and the step. */
public final class GradientClipping {

    /** The native functions on all gradients together. */
    static final TorchScript KERNELS =
            TorchScript.ofResources(GradientClipping.class, "gradient.py", "gradients.py");

    private GradientClipping() {}

    /**
     * Scales all gradients by min(1, maxNorm / norm), where norm is the Euclidean norm of all of
     * them together, so that they keep their direction. Call it after the backward pass, or the
     * last one that adds to a step, and before {@link Trainer#step}:
     *
     * <pre>{@code
     * collector.backward(loss);
     * float norm = GradientClipping.byGlobalNorm(trainer, 1.0f);
     * trainer.step();
     * }</pre>
     *
     * <p>The norm is summed in float64 in the order of the parameters' names: the same gradients
     * give the same bits. Frozen parameters, and those that no backward pass has reached, do not
     * count; an array that is under several parameters counts once. One native call, which waits
     * for the device.
     *
     * @param trainer the trainer, initialized, with one device
     * @param maxNorm the largest norm to pass, positive; infinity only measures
     * @return the norm before clipping; 0 before the first backward pass
     * @throws IllegalStateException if the norm is NaN or infinite (above about 1e19 squares
     *     overflow), in which case no gradient has changed; if a parameter is not initialized or
     *     none is trained; or if the trainer has several devices or another one than the
     *     parameters: gradients of several are summed only inside the step
     */
    public static float byGlobalNorm(Trainer trainer, float maxNorm) {
        requirePositive(maxNorm);
        Map<String, NDArray> weights = OptimizerStep.distinct(BlockParameters.trainedBy(trainer));
        NDList all = new NDList(weights.values());
        double norm = KERNELS.callDouble(all.get(0).getManager(), "clip", all, maxNorm);
        if (!Double.isFinite(norm)) {
            String first = List.copyOf(weights.keySet()).get(first("first_overflow", all));
            throw new IllegalStateException(
                    "The norm of all gradients is %s, first at parameter %s; no gradient has changed. %s"
                            .formatted(norm, first, OptimizerStep.ADVICE));
        }
        return (float) Math.max(0, norm);
    }

    static void requirePositive(double maxNorm) {
        if (!(maxNorm > 0)) {
            throw new IllegalArgumentException("maxNorm must be positive, was " + maxNorm);
        }
    }

    /** The index that a native function gives of one of the weights; -1 for none. */
    static int first(String function, NDList weights) {
        return (int) KERNELS.callDouble(weights.get(0).getManager(), function, weights);
    }
}

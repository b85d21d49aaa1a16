package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.minimax.PartialFractions;
import io.github.djlspectral.optim.minimax.PolarExpress;
import io.github.djlspectral.torch.TorchScript;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A map of matrices that acts on the singular values only: {@code U diag(s) V^T} becomes {@code U
 * diag(f(s)) V^T}. Immutable and thread-safe.
 */
public final class SpectralMap {

    /** The native functions; {@code spectral.py} is the implementation of the mathematics. */
    static final TorchScript KERNELS =
            TorchScript.ofResources(SpectralMap.class, "gradient.py", "spectral.py");

    // Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
    private static final List<double[]> REFERENCE_QUINTIC =
            Collections.nCopies(5, new double[] {3.4445, -4.7750, 2.0315});

    private static final SpectralMap NEWTON_SCHULZ =
            new SpectralMap("newtonSchulz", Kernel.polynomial("newton_schulz", REFERENCE_QUINTIC));

    private static final SpectralMap POLAR = new SpectralMap("polar", null);

    // polar(): singular values within this distance of 1 wherever s / s_max exceeds the next.
    private static final double POLAR_TOLERANCE = 0.02;
    private static final double POLAR_RANGE = 1e-2;

    // Crossovers as measured once with 2 threads on a busy x86-64 server: rough, not optimal.
    private static final long LARGEST_EXACT = 32;
    private static final long SMALLEST_CHOLESKY = 256 * 256;

    private final String name;
    private final Kernel fixedKernel;
    private final Map<Long, Kernel> polynomials = new ConcurrentHashMap<>();
    private final Map<Long, Kernel> partialFractions = new ConcurrentHashMap<>();

    private SpectralMap(String name, Kernel fixedKernel) {
        this.name = name;
        this.fixedKernel = fixedKernel;
    }

    /**
     * Returns the reference Muon's map: five steps of the quintic Newton-Schulz iteration (3.4445,
     * -4.7750, 2.0315) from G / |G|_F, in the precision of the input. It leaves singular values of
     * a well-conditioned matrix in about [0.68, 1.13]; use it for parity, {@link #polar} otherwise.
     *
     * @return the map
     */
    public static SpectralMap newtonSchulz() {
        return NEWTON_SCHULZ;
    }

    /**
     * Returns the polar factor, {@code U V^T}: singular values become 1 within 0.02 wherever {@code
     * s > 0.01 s_max}, fall smoothly below that, and zero stays zero.
     *
     * <p>Which computation is the cheapest depends on device and shape, k x n with k the shorter
     * side:
     *
     * <ul>
     *   <li>float64 input, or k at most 32: singular value decomposition in float64, exact;
     *   <li>on a CPU, at least 65,536 entries: Zolotarev's rational approximation of the Gram
     *       matrix's inverse square root, four Cholesky inverses for k = 768;
     *   <li>otherwise: Polar Express polynomials, five steps for k = 256. This is the choice on
     *       CUDA, where small factorizations are slow.
     * </ul>
     *
     * @return the map
     */
    public static SpectralMap polar() {
        return POLAR;
    }

    /**
     * Maps a matrix. Cost: for k x n, about 15 products of the matrix with its Gram matrix for
     * {@link #newtonSchulz}, 4 to 6 for {@link #polar} on a CPU.
     *
     * @param matrix rank 2 or more, trailing dimensions are flattened; float32 or float64;
     *     unchanged
     * @return the mapped matrix in the shape, type and manager of the input
     * @throws IllegalArgumentException if the rank is less than 2, the type is another, an entry is
     *     NaN or infinite, or the engine is not PyTorch
     */
    public NDArray apply(NDArray matrix) {
        requireMatrix(matrix.getShape());
        requireFloat(matrix.getDataType());
        Kernel kernel = kernel(matrix.getShape(), matrix.getDataType(), matrix.getDevice());
        NDManager manager = matrix.getManager();
        if (!KERNELS.callBoolean(manager, "is_finite", matrix)) {
            throw new IllegalArgumentException("The matrix contains NaN or infinity");
        }
        return KERNELS.call(manager, "map", matrix, kernel.function(), kernel.coefficients())
                .singletonOrThrow();
    }

    /**
     * Tells which computation this map uses.
     *
     * @param shape the shape of the matrix
     * @param type float32 or float64
     * @param device the device it lies on
     * @return the native function's name and the number of its coefficients
     * @throws IllegalArgumentException if the rank is less than 2 or the type is another
     */
    public String route(Shape shape, DataType type, Device device) {
        requireMatrix(shape);
        requireFloat(type);
        return kernel(shape, type, device).toString();
    }

    /** Returns the native computation for a weight; shape and type are checked by the caller. */
    Kernel kernel(Shape shape, DataType type, Device device) {
        if (fixedKernel != null) {
            return fixedKernel;
        }
        long rows = shape.get(0);
        long columns = shape.size() / Math.max(1, rows);
        long k = Math.min(rows, columns);
        if (type == DataType.FLOAT64 || k <= LARGEST_EXACT) {
            return Kernel.EXACT_POLAR;
        }
        if (shape.size() >= SMALLEST_CHOLESKY && !device.isGpu()) {
            return partialFractions.computeIfAbsent(k, SpectralMap::zolotarev);
        }
        return polynomials.computeIfAbsent(k, SpectralMap::polarExpress);
    }

    // Divided by its Frobenius norm, a k x k Gram matrix has a largest eigenvalue in [k^(-1/2), 1].
    private static Kernel zolotarev(long k) {
        double lower = POLAR_RANGE * POLAR_RANGE / Math.sqrt(k);
        return Kernel.partialFractions(PartialFractions.inverseSquareRoot(lower, POLAR_TOLERANCE));
    }

    private static Kernel polarExpress(long k) {
        double lower = POLAR_RANGE / Math.sqrt(Math.sqrt(k));
        return Kernel.polynomial(
                "polar_polynomial", PolarExpress.within(lower, POLAR_TOLERANCE).steps());
    }

    static void requireMatrix(Shape shape) {
        if (shape.dimension() < 2) {
            throw new IllegalArgumentException(
                    "A spectral map needs an array of rank 2 or more, got shape " + shape);
        }
    }

    static void requireFloat(DataType type) {
        if (type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "A spectral map needs float32 or float64, got " + type);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}

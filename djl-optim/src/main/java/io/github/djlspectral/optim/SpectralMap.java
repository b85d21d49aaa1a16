package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Bfloat16;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.function.BiFunction;

/**
 * A map of matrices; those made here act on the singular values only: {@code U diag(s) V^T} becomes
 * {@code U diag(f(s)) V^T}. Immutable and thread-safe.
 *
 * <p>Another one is a TorchScript file, see {@link Kernel}, and a line: {@code
 * SpectralMap.of(Kernel.of(Mine.class, "mine.py", 1.5, -0.5))}; or a subclass, where shape, type or
 * device decide about the computation.
 */
public abstract class SpectralMap {

    // Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
    private static final Kernel NEWTON_SCHULZ =
            Kernel.named(
                    "polynomial",
                    flat(Collections.nCopies(5, new double[] {3.4445, -4.7750, 2.0315})));

    private static final SpectralMap POLAR = new PolarMap("polar", true);
    private static final SpectralMap POLAR_FLOAT32 = new PolarMap("polar(float32)", false);

    // On 2 cores with AMX, where products of 768 x 768 are up to 5 times as fast.
    private static final int LEAST_BFLOAT16 = 256;

    // Medians of nine for n = k, 2 k, 4 k, five chaotic iterations, 2 threads: direct 1.6, 2.4, 2.9
    // and by k x k products 3.6, 1.7, 1.9 ms at k = 128; 76, 161, 246 and 86, 118, 131 at k = 768.
    private static final int LEAST_GRAM = 128;
    private static final int LEAST_GRAM_RATIO = 2;

    private final String name;

    /**
     * Creates a map.
     *
     * @param name what {@link #toString} returns
     */
    protected SpectralMap(String name) {
        this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * What decides about the computation.
     *
     * @param rows the first dimension of the matrix
     * @param columns the product of all others
     * @param type float32 or float64
     * @param device where the matrix lies
     */
    public record Matrix(long rows, long columns, DataType type, Device device) {

        /**
         * Returns the shorter side.
         *
         * @return the number of singular values
         */
        public int rank() {
            return Math.toIntExact(Math.min(rows, columns));
        }

        /** The longer side in units of the shorter one. */
        double ratio() {
            return (double) Math.max(rows, columns) / rank();
        }
    }

    /**
     * Chooses the computation for a matrix.
     *
     * @param matrix what is to be mapped
     * @param draw tells one random choice from another; equal draws give equal maps. Maps that draw
     *     nothing ignore it
     * @return the computation, with as many numbers for every draw
     */
    protected abstract Kernel kernel(Matrix matrix, long draw);

    /**
     * Returns a map of one computation for all matrices.
     *
     * @param kernel the computation
     * @return the map
     */
    public static SpectralMap of(Kernel kernel) {
        return of(kernel.toString(), (matrix, draw) -> kernel);
    }

    private static SpectralMap of(String name, BiFunction<Matrix, Long, Kernel> choice) {
        return new SpectralMap(name) {
            @Override
            protected Kernel kernel(Matrix matrix, long draw) {
                return choice.apply(matrix, draw);
            }
        };
    }

    /** One after another. */
    static double[] flat(List<double[]> steps) {
        return steps.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    /**
     * Returns the reference Muon's map: five steps of the quintic Newton-Schulz iteration (3.4445,
     * -4.7750, 2.0315) from G / |G|_F, in the precision of the input. It leaves singular values of
     * a well-conditioned matrix in about [0.68, 1.13]; use it for parity, {@link #polar} otherwise.
     *
     * @return the map
     */
    public static SpectralMap newtonSchulz() {
        return of("newtonSchulz", (matrix, draw) -> NEWTON_SCHULZ);
    }

    /**
     * Returns the polar factor, {@code U V^T}: singular values become 1 within 0.02 wherever {@code
     * s > 0.01 s_max}, fall smoothly below that, and zero stays zero, rounding apart.
     *
     * <p>Which computation is the cheapest depends on device and shape, k x n with k the shorter
     * side:
     *
     * <ul>
     *   <li>float64 input, or k at most 32: singular value decomposition in float64, exact;
     *   <li>on a CPU where products of bfloat16 numbers are fast, {@link
     *       io.github.djlspectral.torch.Bfloat16#isFast}, k at least 256 and n at most 1.5 k: as on
     *       a GPU;
     *   <li>otherwise on a CPU, at least 32,768 entries: two dynamically weighted Halley steps on
     *       the Gram matrix (Nakatsukasa, Bai and Gygi, SIAM J. Matrix Anal. Appl. 31, 2010), which
     *       together are Zolotarev's best rational function of type (9, 8): two inverses and two
     *       products of k x k matrices;
     *   <li>for fewer entries: Polar Express polynomials, five steps for k = 256;
     *   <li>on a GPU, where factorizations are slow: five steps of such polynomials by products of
     *       bfloat16 numbers. The limits above hold for their singular values; directions are those
     *       of the matrix with each entry rounded to 8 bits, and what is far below {@code 0.01
     *       s_max}, zero included, becomes noise: of the norm of the result 1% for Gaussian
     *       matrices of 768 rows, 13% for singular values log-spaced from 1 to 1e-6, 30% for a rank
     *       of k / 4.
     * </ul>
     *
     * @return the map
     */
    public static SpectralMap polar() {
        return POLAR;
    }

    /**
     * Returns {@link #polar()}, or the same without products of bfloat16 numbers.
     *
     * @param bfloat16 false: in the precision of the input on every device
     * @return the map
     */
    public static SpectralMap polar(boolean bfloat16) {
        return bfloat16 ? POLAR : POLAR_FLOAT32;
    }

    /**
     * Returns {@link Freon}'s map without a floor: {@code mu (G G^T)^(-c) G}, that is {@code s ->
     * (s / |G|_q)^(q - 1)} with q = 2 - 2c and the mean Schatten norm {@code |G|_q = (mean
     * s^q)^(1/q)} over all k = min(rows, columns) singular values. Directions whose singular value
     * is rounding stay zero. Without a floor, c > 1/2 can amplify the smallest directions of a
     * nearly singular matrix without a useful bound; prefer {@link #power(double, double)} there.
     *
     * @param exponent c, in [0, 1]
     * @return the map
     * @throws IllegalArgumentException if the exponent is out of range or NaN
     */
    public static SpectralMap power(double exponent) {
        return power(exponent, 0);
    }

    /**
     * Returns {@link Freon}'s map with a floor: {@code mu (G G^T + e I)^(-c) G}, where {@code e} is
     * (floor)^2 times the mean square of the k singular values, and mu the mean Schatten norm of
     * the spectrum {@code (s^2 + e)^(1/2)} to the power 2c - 1. With r the ratio of s to the root
     * mean square, results are at most {@code r / (r^2 + floor^2)^c} times {@code (1 + floor^2)^(c
     * - 1/2)}, hence at most {@code floor^(1 - 2c)} times that, for c > 1/2; for c &lt;= 1/2 their
     * mean square is at most 1.
     *
     * @param exponent c, in [0, 1]
     * @param floor the floor relative to the root mean square singular value, in [0, 1]; without
     *     effect for c = 0
     * @return the map
     * @throws IllegalArgumentException if an argument is out of range or NaN
     */
    public static SpectralMap power(double exponent, double floor) {
        String name = "power(" + exponent + ", " + floor + ")";
        OptionalDouble set = OptionalDouble.of(floor);
        return new PowerMap(name, exponent, set, Freon.Normalization.SCHATTEN, /* method= */ null);
    }

    /**
     * Returns {@link Kaon}'s map: from G / |G|_F, {@code X <- 4.1 (I - X X^T)^2 X} this many times,
     * and a division by {@value Kaon#BOUND}. The scalar map {@code s -> 4.1 s (1 - s^2)^2} is
     * chaotic, so a small change of G changes the spectrum at will; singular vectors stay, zero
     * stays zero, and results are below 1.
     *
     * <p>An iteration takes three products, or, of float32 on a CPU with k at least 128 and n at
     * least 2 k, four of k x k. Where a CPU is faster in bfloat16, {@link
     * io.github.djlspectral.torch.Bfloat16#isFast}, they are of such numbers from k = 256 on.
     * Singular vectors stay as far as rounding lets them: of the norm of the result 3% lies
     * elsewhere for Gaussian matrices, 14% for singular values log-spaced from 1 to 1e-6, 26% for a
     * rank of k / 4.
     *
     * @param iterations the number of iterations, in [1, {@value Kaon#MAX_ITERATIONS}]
     * @return the map
     * @throws IllegalArgumentException if the number is out of range
     */
    public static SpectralMap chaotic(int iterations) {
        return chaotic(iterations, true);
    }

    /**
     * Returns {@link #chaotic(int)}, or the same without products of bfloat16 numbers.
     *
     * @param iterations the number of iterations, in [1, {@value Kaon#MAX_ITERATIONS}]
     * @param bfloat16 false: in the precision of the input on every device
     * @return the map
     * @throws IllegalArgumentException if the number is out of range
     */
    public static SpectralMap chaotic(int iterations, boolean bfloat16) {
        double[] numbers = flat(Kaon.steps(iterations));
        Kernel direct = Kernel.named("polynomial", numbers);
        Kernel gram = Kernel.named("polynomial_gram", numbers);
        Kernel half = Kernel.named("polynomial_bfloat16", numbers);
        return of(
                "chaotic(" + iterations + (bfloat16 ? ")" : ", float32)"),
                (matrix, draw) -> {
                    if (bfloat16 && isFasterInBfloat16(matrix)) {
                        return half;
                    }
                    boolean small = matrix.rank() < LEAST_GRAM || matrix.ratio() < LEAST_GRAM_RATIO;
                    boolean single = matrix.type() == DataType.FLOAT32;
                    return small || !single || matrix.device().isGpu() ? direct : gram;
                });
    }

    /** Whether a CPU is to multiply bfloat16 numbers for a matrix of this size and type. */
    static boolean isFasterInBfloat16(Matrix matrix) {
        return matrix.type() == DataType.FLOAT32
                && !matrix.device().isGpu()
                && matrix.rank() >= LEAST_BFLOAT16
                && Bfloat16.isFast(matrix.device());
    }

    /**
     * Returns a map that replaces the k singular values by independent draws, uniform on [low,
     * high], by a singular value decomposition in float64. Directions whose singular value is
     * rounding stay zero. As a map of its own it draws the same numbers for all matrices of one
     * rank; {@link Kaon} draws others for each step and parameter.
     *
     * @param low the least value, positive
     * @param high the largest value, at least {@code low} and finite
     * @param seed decides the draws
     * @return the map
     * @throws IllegalArgumentException if a bound is out of range or NaN
     */
    public static SpectralMap randomSpectrum(double low, double high, long seed) {
        return new RandomSpectrum(low, high, seed);
    }

    /**
     * Returns {@link TruncatedSgd}'s map: the largest singular values become zero and the others
     * keep their ratios, with a mean square over all k of 1. On a GPU by subspace iteration, within
     * 1e-6, where that converges.
     *
     * @param fraction the share of the k singular values to drop, in [0, 1): that times k, rounded,
     *     but never all of them
     * @return the map
     * @throws IllegalArgumentException if the fraction is out of range or NaN
     */
    public static SpectralMap truncated(double fraction) {
        if (!(fraction >= 0 && fraction < 1)) {
            throw new IllegalArgumentException("The fraction must be in [0, 1), was " + fraction);
        }
        return of(
                "truncated(" + fraction + ")",
                (matrix, draw) -> {
                    int k = matrix.rank();
                    long count = Math.min(Math.round(fraction * k), k - 1);
                    return count == 0
                            ? Kernel.named("normalised")
                            : Kernel.named("truncated", count);
                });
    }

    /**
     * Maps a matrix. Cost: for k x n, ten products of k k n multiplications and five of k k k for
     * {@link #newtonSchulz} and the direct {@link #chaotic}(5); for {@link #polar} on a CPU 1.6 of
     * the former and, measured by time at k = 768, 4.5 of the latter; a float64 eigendecomposition
     * of the Gram matrix for most others.
     *
     * @param matrix rank 2 or more, trailing dimensions are flattened; float32 or float64;
     *     unchanged
     * @return the mapped matrix in the shape, type and manager of the input; a constant to
     *     autograd, which may use it but sees no way back to the input
     * @throws IllegalArgumentException if the rank is less than 2, the type is another, an entry is
     *     NaN or infinite, or the engine is not PyTorch
     */
    public final NDArray apply(NDArray matrix) {
        Kernel kernel = kernel(matrix.getShape(), matrix.getDataType(), matrix.getDevice());
        NDManager manager = matrix.getManager();
        if (!StatefulOptimizer.isFinite(matrix)) {
            throw new IllegalArgumentException("The matrix contains NaN or infinity");
        }
        long[] shape = blocks(matrix.getShape(), 1);
        try (NDList mapped =
                kernel.script("").call(manager, "map", matrix, shape, kernel.numbers(), 0, false)) {
            return mapped.singletonOrThrow().duplicate(); // autograd refuses what was made without
        }
    }

    /** The shape of so many matrices side by side along the rows, or along a leading axis. */
    static long[] blocks(Shape shape, long blocks) {
        long first = shape.get(0);
        boolean stacked = blocks > 1 && shape.dimension() > 2 && first == blocks;
        long rows = stacked ? shape.get(1) : first / blocks;
        return new long[] {blocks, rows, shape.size() / Math.max(1, blocks * rows)};
    }

    /**
     * Tells which computation this map uses.
     *
     * @param shape the shape of the matrix
     * @param type float32 or float64
     * @param device the device it lies on
     * @return the computation; for a map that draws, one of its draws
     * @throws IllegalArgumentException if the rank is less than 2 or the type is another
     */
    public final Kernel kernel(Shape shape, DataType type, Device device) {
        requireMatrix(shape);
        requireFloat(type);
        long[] whole = blocks(shape, 1);
        return kernel(new Matrix(whole[1], whole[2], type, device), 0);
    }

    /** The computations for the blocks of a weight: of a random map, each with its own numbers. */
    final List<Kernel> kernels(Matrix matrix, long blocks, long draw) {
        List<Kernel> all = new ArrayList<>(List.of(kernel(matrix, draw)));
        for (int i = 1; i < blocks; i++) {
            all.add(kernel(matrix, RandomSpectrum.mixed(draw ^ i)));
        }
        return all;
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

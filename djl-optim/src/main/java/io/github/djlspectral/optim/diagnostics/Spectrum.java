package io.github.djlspectral.optim.diagnostics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/**
 * The singular values s of a matrix, in a few numbers.
 *
 * @param largest the largest, s_1: the spectral norm
 * @param smallest the smallest of all min(rows, columns); below about 1e-7 of the largest it is
 *     rounding noise
 * @param stableRank |G|_F^2 / s_1^2, in [1, min(rows, columns)]: how many directions carry energy
 *     (Rudelson and Vershynin, "Sampling from large matrices: an approach through geometric
 *     functional analysis", 2007); 0 for a matrix of zeros
 * @param effectiveRank exp of the entropy of s_i / sum s, in [1, min(rows, columns)]: how many
 *     directions carry magnitude (Roy and Vetterli, "The effective rank: a measure of effective
 *     dimensionality", 2007); 0 for a matrix of zeros
 * @param rms the root mean square of the entries, |G|_F / sqrt(rows columns)
 * @param histogram how many singular values lie in each bin of s / s_1, {@value #BINS} numbers, by
 *     {@link #binStart}
 */
public record Spectrum(
        double largest,
        double smallest,
        double stableRank,
        double effectiveRank,
        double rms,
        List<Integer> histogram) {

    /** The number of bins of a histogram. */
    public static final int BINS = 24;

    /** The number of bins to a factor of ten. */
    private static final int BINS_PER_DECADE = 4;

    private static final TorchScript KERNELS =
            TorchScript.ofResources(Spectrum.class, "spectrum.py");

    /**
     * {@return the spectrum of a matrix, in float64 whatever its type} One native call, which waits
     * for the device. Cost: for k x n, k the shorter side, one product k x n x k and the
     * eigenvalues of the result; about the time of {@link
     * io.github.djlspectral.optim.SpectralMap#polar} on one core.
     *
     * @param matrix rank 2 or more, trailing dimensions are flattened; float32 or float64;
     *     unchanged
     * @throws IllegalArgumentException if the rank is less than 2, a side is empty, the type is
     *     another, an entry is NaN or infinite, or the engine is not PyTorch
     */
    public static Spectrum of(NDArray matrix) {
        Shape shape = matrix.getShape();
        if (shape.dimension() < 2 || shape.size() == 0) {
            throw new IllegalArgumentException(
                    "A spectrum needs an array of rank 2 or more with entries, got shape " + shape);
        }
        DataType type = matrix.getDataType();
        if (type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "A spectrum needs float32 or float64, got " + type + shape);
        }
        try (NDArray values =
                KERNELS.call(matrix.getManager(), "singular_values", matrix).singletonOrThrow()) {
            if (values.size() == 1) {
                throw new IllegalArgumentException(
                        "The matrix of shape " + shape + " contains NaN or infinity");
            }
            return of(Host.read(values, NDArray::toDoubleArray), shape.size());
        }
    }

    /**
     * {@return a bin's least value of s / s_1, 10^(bin/4 - 6)} A bin reaches to the next one's
     * start; the last one includes 1. The first bin, from 1e-6, also counts everything below, zeros
     * and a matrix of zeros too.
     *
     * @param bin the bin, from 0 to {@value #BINS} - 1
     */
    public static double binStart(int bin) {
        return Math.pow(10, (double) (Objects.checkIndex(bin, BINS) - BINS) / BINS_PER_DECADE);
    }

    /** Summarises descending singular values on the scale of the last number. */
    private static Spectrum of(double[] valuesAndScale, long entries) {
        int count = valuesAndScale.length - 1;
        double scale = valuesAndScale[count];
        double[] s = Arrays.copyOf(valuesAndScale, count);
        double sum = Arrays.stream(s).sum();
        double squares = Arrays.stream(s).map(value -> value * value).sum();
        if (sum == 0) {
            return new Spectrum(0, 0, 0, 0, 0, histogram(s));
        }
        return new Spectrum(
                scale * s[0],
                scale * s[count - 1],
                squares / (s[0] * s[0]),
                Math.exp(entropy(s, sum)),
                scale * Math.sqrt(squares / entries),
                histogram(s));
    }

    private static double entropy(double[] s, double sum) {
        double entropy = 0;
        for (double value : s) {
            double share = value / sum;
            entropy -= share > 0 ? share * Math.log(share) : 0;
        }
        return entropy;
    }

    private static List<Integer> histogram(double[] s) {
        Integer[] counts = Collections.nCopies(BINS, 0).toArray(Integer[]::new);
        for (double value : s) {
            counts[s[0] == 0 ? 0 : bin(value / s[0])]++;
        }
        return List.of(counts);
    }

    private static int bin(double ratio) {
        int bin = (int) Math.floor(BINS_PER_DECADE * Math.log10(ratio)) + BINS;
        return Math.min(Math.max(bin, 0), BINS - 1);
    }
}

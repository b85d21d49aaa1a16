package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.Random;
import java.util.function.UnaryOperator;

/** Float64 matrices in plain arrays: a reference that shares no code with what it checks. */
public final class PlainMatrix {

    private PlainMatrix() {}

    public static double[][] gaussian(Random random, int rows, int columns) {
        double[][] a = new double[rows][columns];
        for (double[] row : a) {
            Arrays.setAll(row, j -> random.nextGaussian());
        }
        return a;
    }

    /** The elements in rows, trailing dimensions flattened; a vector is one row. */
    public static double[][] of(NDArray array) {
        double[] flat = array.toDoubleArray();
        int rows = array.getShape().dimension() < 2 ? 1 : (int) array.getShape().get(0);
        int columns = flat.length / rows;
        double[][] a = new double[rows][];
        Arrays.setAll(a, i -> Arrays.copyOfRange(flat, i * columns, (i + 1) * columns));
        return a;
    }

    public static double[] flat(double[][] a) {
        return Arrays.stream(a).flatMapToDouble(Arrays::stream).toArray();
    }

    /** Returns alpha a + beta b. */
    public static double[][] sum(double alpha, double[][] a, double beta, double[][] b) {
        double[][] c = new double[a.length][a[0].length];
        for (int i = 0; i < c.length; i++) {
            for (int j = 0; j < c[i].length; j++) {
                c[i][j] = alpha * a[i][j] + beta * b[i][j];
            }
        }
        return c;
    }

    public static double[][] product(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b[0].length];
        for (int i = 0; i < c.length; i++) {
            for (int j = 0; j < c[i].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    public static double[][] polar(double[][] a) {
        return mapped(
                a,
                s -> {
                    double[] ones = s.clone();
                    Arrays.fill(ones, 1);
                    return ones;
                });
    }

    public static double[] singularValues(double[][] a) {
        double[][] values = new double[1][];
        mapped(
                a,
                s -> {
                    values[0] = s.clone();
                    return s;
                });
        Arrays.sort(values[0]);
        return values[0];
    }

    /** Returns U f(s) V^T of a matrix of full rank by one-sided Jacobi rotations. */
    public static double[][] mapped(double[][] a, UnaryOperator<double[]> spectrum) {
        if (a.length > a[0].length) {
            return transposed(mapped(transposed(a), spectrum));
        }
        double[][] x = Arrays.stream(a).map(double[]::clone).toArray(double[][]::new);
        double[][] u = new double[x.length][x.length]; // a = u^T x, rows of x orthogonal at last
        for (int i = 0; i < u.length; i++) {
            u[i][i] = 1;
        }
        for (int sweep = 0; sweep < 30; sweep++) {
            for (int p = 0; p < x.length; p++) {
                for (int q = p + 1; q < x.length; q++) {
                    double angle =
                            0.5
                                    * Math.atan2(
                                            2 * dot(x[p], x[q]), dot(x[p], x[p]) - dot(x[q], x[q]));
                    rotate(x[p], x[q], Math.cos(angle), Math.sin(angle));
                    rotate(u[p], u[q], Math.cos(angle), Math.sin(angle));
                }
            }
        }
        double[] s = Arrays.stream(x).mapToDouble(row -> Math.sqrt(dot(row, row))).toArray();
        double[] images = spectrum.apply(s);
        double[][] result = new double[a.length][a[0].length];
        for (int k = 0; k < s.length; k++) {
            for (int i = 0; i < result.length; i++) {
                for (int j = 0; j < result[i].length; j++) {
                    result[i][j] += images[k] * u[k][i] * x[k][j] / s[k];
                }
            }
        }
        return result;
    }

    private static void rotate(double[] p, double[] q, double cosine, double sine) {
        for (int j = 0; j < p.length; j++) {
            double first = p[j];
            p[j] = cosine * first + sine * q[j];
            q[j] = cosine * q[j] - sine * first;
        }
    }

    private static double dot(double[] p, double[] q) {
        double sum = 0;
        for (int j = 0; j < p.length; j++) {
            sum += p[j] * q[j];
        }
        return sum;
    }

    public static double[][] transposed(double[][] a) {
        double[][] t = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < t.length; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }
}

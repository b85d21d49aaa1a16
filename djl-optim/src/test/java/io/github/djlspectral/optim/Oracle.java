package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.djlspectral.torch.TorchScript;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Reference values and float64 linear algebra for tests. */
final class Oracle {

    private static final TorchScript ALGEBRA = TorchScript.ofResources(Oracle.class, "oracle.py");

    private Oracle() {}

    static JsonObject read(String resource) {
        try (Reader reader =
                new InputStreamReader(
                        Oracle.class.getResourceAsStream(resource), StandardCharsets.UTF_8)) {
            return JsonParser.parseReader(reader).getAsJsonObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static NDArray matrix(NDManager manager, JsonElement rows) {
        JsonArray array = rows.getAsJsonArray();
        int columns = array.get(0).getAsJsonArray().size();
        double[] values = new double[array.size() * columns];
        int i = 0;
        for (JsonElement row : array) {
            for (JsonElement value : row.getAsJsonArray()) {
                values[i++] = value.getAsDouble();
            }
        }
        return manager.create(values, new Shape(array.size(), columns));
    }

    /** Returns |a - b|_F / |b|_F. */
    static double relativeDistance(NDArray a, NDArray b) {
        NDArray expected = b.toType(DataType.FLOAT64, false);
        NDArray difference = a.toType(DataType.FLOAT64, false).sub(expected);
        return difference.norm().getDouble() / expected.norm().getDouble();
    }

    /**
     * Returns the singular values of a matrix, ascending, and what became of each in its mapped
     * copy.
     */
    static NDList images(NDArray matrix, NDArray mapped) {
        return ALGEBRA.call(matrix.getManager(), "images", matrix, mapped);
    }

    static double spectralNorm(NDArray matrix) {
        return ALGEBRA.callDouble(matrix.getManager(), "spectral_norm", matrix);
    }

    /** Returns U, the singular values, descending, and V^T, in float64. */
    static NDList decompose(NDArray matrix) {
        return ALGEBRA.call(matrix.getManager(), "decompose", matrix);
    }

    static double[] singularValues(NDArray matrix) {
        return decompose(matrix).get(1).toDoubleArray();
    }

    /** Returns mu (A + eps |G|_F^2)^(-c) G with the mean Schatten factor. */
    static NDArray regularisedPower(NDList decomposed, double c, double eps) {
        return ALGEBRA.call(
                        decomposed.getManager(),
                        "regularised_power",
                        decomposed.get(0),
                        decomposed.get(1),
                        decomposed.get(2),
                        c,
                        eps)
                .singletonOrThrow();
    }

    /** Returns a dense float32 matrix with these singular values: reflected on both sides. */
    static NDArray withSpectrum(NDManager manager, int rows, int columns, double[] spectrum) {
        double[] diagonal = new double[rows * columns];
        for (int i = 0; i < spectrum.length; i++) {
            diagonal[i * columns + i] = spectrum[i];
        }
        NDArray matrix = manager.create(diagonal, new Shape(rows, columns));
        for (int i = 0; i < 3; i++) {
            matrix = reflected(reflected(matrix).transpose()).transpose();
        }
        return matrix.toType(DataType.FLOAT32, true);
    }

    private static NDArray reflected(NDArray matrix) {
        Shape column = new Shape(matrix.getShape().get(0), 1);
        NDArray normal = matrix.getManager().randomNormal(0, 1, column, DataType.FLOAT64);
        NDArray unit = normal.div(normal.norm());
        return matrix.sub(unit.mul(2).matMul(unit.transpose().matMul(matrix)));
    }
}

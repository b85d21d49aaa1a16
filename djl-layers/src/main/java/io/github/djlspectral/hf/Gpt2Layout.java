package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * How the two layouts of a GPT-2 differ. The published one stores the matrices of its layers as
 * [inputs, outputs], {@link Gpt2} as [outputs, inputs]; it puts a prefix before every name; and it
 * always has biases.
 */
final class Gpt2Layout {

    /** What the published layout puts before a name, in most files. */
    static final String PREFIX = "transformer.";

    /** The output matrix, where a file has one; it is the token embedding. */
    static final String HEAD = "lm_head.weight";

    static final String TOKEN_EMBEDDING = "wte.weight";

    private static final Pattern TRANSPOSED =
            Pattern.compile(
                    "h\\.\\d+\\.(attn\\.c_attn|attn\\.c_proj|mlp\\.c_fc|mlp\\.c_proj)\\.weight");
    private static final Pattern WRAPPED = Pattern.compile("^((_orig_mod|module|transformer)\\.)+");
    private static final Pattern BUFFER = Pattern.compile("h\\.\\d+\\.attn\\.(bias|masked_bias)");
    private static final int BLOCK = 32;

    private Gpt2Layout() {}

    /** Returns a name without prefixes, this layout's and those that PyTorch's wrappers add. */
    static String plain(String name) {
        return WRAPPED.matcher(name).replaceFirst("");
    }

    /** Tells whether a plain name is that of a mask, which is no parameter. */
    static boolean isBuffer(String name) {
        return BUFFER.matcher(name).matches();
    }

    /** Tells whether a plain name is that of a matrix which is stored transposed. */
    static boolean isTransposed(String name) {
        return TRANSPOSED.matcher(name).matches();
    }

    static boolean isBias(String name) {
        return name.endsWith(".bias");
    }

    /** Returns the shapes of a model's parameters in our layout, by their names, in order. */
    static Map<String, Shape> shapes(Gpt2Config config) {
        Map<String, Shape> shapes = new TreeMap<>();
        Gpt2.builder()
                .setConfig(config)
                .build()
                .getParameters()
                .forEach(named -> shapes.put(named.getKey(), named.getValue().getShape()));
        return shapes;
    }

    /** Returns a configuration with biases. */
    static Gpt2Config withBias(Gpt2Config config) {
        return new Gpt2Config(
                config.vocabSize(),
                config.contextLength(),
                config.layers(),
                config.heads(),
                config.width(),
                config.dropout(),
                true);
    }

    /** Returns the shape that a parameter has in the other layout; works in both directions. */
    static Shape converted(String name, Shape shape) {
        return isTransposed(name) ? new Shape(shape.get(1), shape.get(0)) : shape;
    }

    /**
     * Returns a parameter in the other layout; works in both directions.
     *
     * @param shape the shape of the values given
     */
    static float[] converted(String name, Shape shape, float[] values) {
        return isTransposed(name)
                ? transposed(values, (int) shape.get(0), (int) shape.get(1))
                : values;
    }

    /** Goes by square blocks, as a column's elements lie in as many cache lines. */
    private static float[] transposed(float[] values, int rows, int columns) {
        float[] result = new float[values.length];
        for (int i0 = 0; i0 < rows; i0 += BLOCK) {
            for (int j0 = 0; j0 < columns; j0 += BLOCK) {
                for (int i = i0; i < Math.min(rows, i0 + BLOCK); i++) {
                    for (int j = j0; j < Math.min(columns, j0 + BLOCK); j++) {
                        result[j * rows + i] = values[i * columns + j];
                    }
                }
            }
        }
        return result;
    }
}

package io.github.djlspectral.spark;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** All parameters of a block, one behind the other, in pieces that Java and Spark can hold. */
final class Weights {

    private Weights() {}

    /** The arrays by name, each once, in the block's order, which is the same in every process. */
    private static Map<String, NDArray> arrays(Block block) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        Set<String> seen = new HashSet<>();
        for (Pair<String, Parameter> pair : block.getParameters()) {
            if (seen.add(pair.getValue().getId())) {
                NDArray array = pair.getValue().getArray();
                DataType type = array.getDataType();
                if (type != DataType.FLOAT32) {
                    throw new IllegalArgumentException(
                            "Parameter %s is of type %s, but local updates need FLOAT32"
                                    .formatted(pair.getKey(), type));
                }
                arrays.put(pair.getKey(), array);
            }
        }
        return arrays;
    }

    /** Names and shapes. */
    static List<String> describe(Block block) {
        return arrays(block).entrySet().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue().getShape())
                .toList();
    }

    /** Reads all, in pieces of so many numbers, the last one of those that are left. */
    static float[][] read(Block block, int piece) {
        Map<String, NDArray> arrays = arrays(block);
        long size = arrays.values().stream().mapToLong(NDArray::size).sum();
        float[][] pieces = new float[Math.toIntExact((size - 1) / piece + 1)][];
        for (int i = 0; i < pieces.length; i++) {
            pieces[i] = new float[(int) Math.min(piece, size - (long) i * piece)];
        }
        long place = 0;
        for (NDArray array : arrays.values()) {
            place = copy(Host.read(array, NDArray::toFloatArray), pieces, piece, place, false);
        }
        return pieces;
    }

    /** Writes all. */
    static void write(Block block, float[][] pieces) {
        Map<String, NDArray> arrays = arrays(block);
        long place = 0;
        for (NDArray array : arrays.values()) {
            float[] values = new float[Math.toIntExact(array.size())];
            place = copy(values, pieces, pieces[0].length, place, true);
            try (NDManager scratch = array.getManager().newSubManager()) {
                NDArray from = scratch.create(values, array.getShape());
                TorchScript.withAutograd(
                        false,
                        () -> {
                            from.copyTo(array);
                            return array;
                        });
            }
        }
    }

    /** Copies an array to its place among the pieces, or from there; returns what is behind it. */
    private static long copy(
            float[] values, float[][] pieces, int piece, long place, boolean from) {
        int length;
        for (int done = 0; done < values.length; done += length) {
            float[] other = pieces[(int) ((place + done) / piece)];
            int start = (int) ((place + done) % piece);
            length = Math.min(values.length - done, other.length - start);
            if (from) {
                System.arraycopy(other, start, values, done, length);
            } else {
                System.arraycopy(values, done, other, start, length);
            }
        }
        return place + values.length;
    }
}

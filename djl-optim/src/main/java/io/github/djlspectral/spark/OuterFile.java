package io.github.djlspectral.spark;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What the driver has in a checkpoint, which makes it one.
 *
 * @param step the steps made
 * @param weights all, in pieces
 * @param velocity that of the weights; null if there is none
 */
record OuterFile(long step, float[][] weights, float[][] velocity) {

    static final String NAME = "outer.safetensors";

    private static final String NOTE = "local_updates";

    /** What tells whether it fits. */
    private record Note(long step, int workers, List<String> parameters) {}

    void write(Path path, int workers, Block block) {
        Note note = new Note(step, workers, Weights.describe(block));
        SafetensorsWriter file =
                new SafetensorsWriter(Map.of(NOTE, JsonUtils.GSON_COMPACT.toJson(note)));
        add(file, "weights.", weights);
        if (velocity != null) {
            add(file, "velocity.", velocity);
        }
        file.write(path);
    }

    private static void add(SafetensorsWriter file, String prefix, float[][] pieces) {
        for (int i = 0; i < pieces.length; i++) {
            float[] values = pieces[i];
            file.add(prefix + i, new Shape(values.length), DataType.FLOAT32, () -> values);
        }
    }

    /** Reads a file if it is one of this block, this number of workers and pieces of this size. */
    static OuterFile read(Path path, int workers, Block block, int piece) throws IOException {
        Safetensors file = Safetensors.open(path);
        String text = file.metadata().get(NOTE);
        if (text == null || !file.verify()) {
            throw new IOException(NAME + " is of another kind, or has no checksum");
        }
        Note note = JsonUtils.GSON_COMPACT.fromJson(text, Note.class);
        List<String> present = Weights.describe(block);
        List<String> differ = new ArrayList<>(note.parameters);
        differ.removeAll(present);
        if (!note.parameters.equals(present) || note.workers != workers) {
            String other = "it has %s workers, here are %s, and of its parameters others are %s";
            throw new IOException(other.formatted(note.workers, workers, differ));
        }
        float[][] weights = pieces(file, "weights.");
        float[][] velocity = pieces(file, "velocity.");
        if (weights.length > 1 && weights[0].length != piece) {
            String other =
                    "its pieces have %s numbers, not %s: go on with the version that made it";
            throw new IOException(other.formatted(weights[0].length, piece));
        }
        return new OuterFile(note.step, weights, velocity.length == 0 ? null : velocity);
    }

    private static float[][] pieces(Safetensors file, String prefix) {
        long count = file.names().stream().filter(name -> name.startsWith(prefix)).count();
        return IntStream.range(0, (int) count)
                .mapToObj(i -> file.read(prefix + i))
                .toArray(float[][]::new);
    }
}

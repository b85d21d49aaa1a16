package io.github.djlspectral.zoo;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Objects;
import java.util.zip.GZIPOutputStream;

/**
 * A file to publish.
 *
 * @param name the name that it has once it is unpacked
 * @param writer writes it, any number of times alike
 */
record Content(String name, Writer writer) {

    private static final String MAGIC = "DJL@";
    private static final int FORMAT = 1;
    private static final int BUFFER = 1 << 16;
    private static final int SHORT_SUM = 12;

    /** Writes a file's content. */
    @FunctionalInterface
    interface Writer {
        void writeTo(OutputStream out) throws IOException;
    }

    /**
     * What a file became.
     *
     * @param name the name that it has once it is unpacked
     * @param storedName the name in the repository, which depends on the bytes, so that no file is
     *     ever written over another one
     * @param sha1 the checksum of the packed bytes
     * @param size their number
     */
    record Packed(String name, String storedName, String sha1, long size) {}

    /**
     * A block's parameters in the format of {@link ai.djl.Model#save}, which could write them only
     * to a folder, not packed.
     */
    static Content ofParameters(String model, Block block) {
        return new Content(model + "-0000.params", out -> writeParameters(model, block, out));
    }

    /** Writes the packed file. */
    Packed packTo(OutputStream out) throws IOException {
        MeasuringOutputStream measured = new MeasuringOutputStream(out);
        try (GZIPOutputStream packed = new GZIPOutputStream(measured, BUFFER)) {
            writer.writeTo(packed);
        }
        String sha1 = measured.sha1();
        return new Packed(name, storedName(sha1), sha1, measured.size());
    }

    private String storedName(String sha1) {
        int dot = name.lastIndexOf('.');
        int end = dot > 0 ? dot : name.length();
        String sum = sha1.substring(0, SHORT_SUM);
        return name.substring(0, end) + "-" + sum + name.substring(end) + ".gz";
    }

    private static void writeParameters(String model, Block block, OutputStream out)
            throws IOException {
        DataOutputStream data = new DataOutputStream(new BufferedOutputStream(out, BUFFER));
        data.writeBytes(MAGIC);
        data.writeInt(FORMAT);
        data.writeUTF(model);
        data.writeUTF(dataType(block).name());
        PairList<String, Shape> inputs = block.describeInput();
        data.writeInt(inputs.size());
        for (Pair<String, Shape> input : inputs) {
            data.writeUTF(Objects.requireNonNullElse(input.getKey(), ""));
            data.write(input.getValue().getEncoded());
        }
        data.writeInt(0); // properties: they are in the metadata
        block.saveParameters(data);
        data.flush();
    }

    private static DataType dataType(Block block) {
        return block.getParameters().isEmpty()
                ? DataType.FLOAT32
                : block.getParameters().valueAt(0).getArray().getDataType();
    }
}

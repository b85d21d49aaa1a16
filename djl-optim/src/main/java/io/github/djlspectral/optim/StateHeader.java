package io.github.djlspectral.optim;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What a state file holds: the parameters of the model, and for each part of the optimizer the
 * states it had of some of them. The arrays follow in the same order.
 */
record StateHeader(List<Weight> weights, List<Part> parts) {

    /** A parameter of the model, updated or not. */
    record Weight(String name, DataType type, Shape shape) {

        @Override
        public String toString() {
            return name + " " + type + shape;
        }
    }

    /** An optimizer of one class; a spectral optimizer and its fallback are two. */
    record Part(String optimizer, List<String> arrayNames, List<Entry> entries) {}

    /** The state of the weight with this index. */
    record Entry(int weight, int step) {}

    byte[] encode() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeInt(weights.size());
        for (Weight weight : weights) {
            out.writeUTF(weight.name());
            out.writeUTF(weight.type().name());
            out.writeInt(weight.shape().dimension());
            for (long size : weight.shape().getShape()) {
                out.writeLong(size);
            }
        }
        out.writeInt(parts.size());
        for (Part part : parts) {
            out.writeUTF(part.optimizer());
            out.writeInt(part.arrayNames().size());
            for (String arrayName : part.arrayNames()) {
                out.writeUTF(arrayName);
            }
            out.writeInt(part.entries().size());
            for (Entry entry : part.entries()) {
                out.writeInt(entry.weight());
                out.writeInt(entry.step());
            }
        }
        return bytes.toByteArray();
    }

    static StateHeader decode(byte[] bytes) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        List<Weight> weights = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = in.readUTF();
            DataType type = DataType.valueOf(in.readUTF());
            long[] shape = new long[in.readInt()];
            for (int i = 0; i < shape.length; i++) {
                shape[i] = in.readLong();
            }
            weights.add(new Weight(name, type, new Shape(shape)));
        }
        List<Part> parts = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            parts.add(readPart(in));
        }
        return new StateHeader(weights, parts);
    }

    private static Part readPart(DataInputStream in) throws IOException {
        String optimizer = in.readUTF();
        List<String> arrayNames = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            arrayNames.add(in.readUTF());
        }
        List<Entry> entries = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            entries.add(new Entry(in.readInt(), in.readInt()));
        }
        return new Part(optimizer, arrayNames, entries);
    }

    /** The number of bytes of all arrays. */
    long arrayBytes() {
        long sum = 0;
        for (Part part : parts) {
            for (Entry entry : part.entries()) {
                Weight weight = weights.get(entry.weight());
                long elements = part.arrayNames().size() * weight.shape().size();
                sum += elements * weight.type().getNumOfBytes();
            }
        }
        return sum;
    }
}

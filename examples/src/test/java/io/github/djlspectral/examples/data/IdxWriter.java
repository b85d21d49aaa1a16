package io.github.djlspectral.examples.data;

import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/** Writes files like MNIST's, of made-up images. */
public final class IdxWriter {

    private static final int PIXELS = Mnist.SIDE * Mnist.SIDE;

    private IdxWriter() {}

    /** Writes the two files for tests: image i is of class i % 10 and says so, with noise. */
    public static void writeTest(Path folder, int count) throws IOException {
        writePair(folder, Mnist.TEST_IMAGES, Mnist.TEST_LABELS, count);
    }

    static void writeTrain(Path folder, int count) throws IOException {
        writePair(folder, Mnist.TRAIN_IMAGES, Mnist.TRAIN_LABELS, count);
    }

    private static void writePair(Path folder, String images, String labels, int count)
            throws IOException {
        byte[] pixels = new byte[count * PIXELS];
        byte[] classes = new byte[count];
        new Random(count).nextBytes(pixels);
        for (int i = 0; i < count; i++) {
            classes[i] = (byte) (i % Mnist.CLASSES);
            for (int p = 0; p < PIXELS; p++) {
                int at = i * PIXELS + p;
                // a bar whose place tells the class, on a background of a quarter of its brightness
                boolean bar = p % Mnist.SIDE / 2 == classes[i];
                pixels[at] = bar ? (byte) 255 : (byte) ((pixels[at] & 0xFF) / 4);
            }
        }
        write(folder.resolve(images), 0x0803, new int[] {count, Mnist.SIDE, Mnist.SIDE}, pixels);
        write(folder.resolve(labels), 0x0801, new int[] {count}, classes);
    }

    static void write(Path file, int magic, int[] sizes, byte[] values) throws IOException {
        try (DataOutputStream out =
                new DataOutputStream(new GZIPOutputStream(Files.newOutputStream(file)))) {
            out.writeInt(magic);
            for (int size : sizes) {
                out.writeInt(size);
            }
            out.write(values);
        }
    }
}

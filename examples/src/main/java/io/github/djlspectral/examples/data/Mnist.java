package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.examples.data.Downloader.Check;
import io.github.djlspectral.text.BadInputException;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * The handwritten digits of LeCun, Cortes and Burges: 28 x 28 pixels, 60,000 images to train on and
 * 10,000 to test with. Data of the same format and number of classes, such as Fashion-MNIST, can be
 * read too.
 */
public final class Mnist {

    /** The height and width of an image in pixels. */
    public static final int SIDE = 28;

    /** The number of classes; labels are in [0, CLASSES). */
    public static final int CLASSES = 10;

    static final String TRAIN_IMAGES = "train-images-idx3-ubyte.gz";
    static final String TRAIN_LABELS = "train-labels-idx1-ubyte.gz";
    static final String TEST_IMAGES = "t10k-images-idx3-ubyte.gz";
    static final String TEST_LABELS = "t10k-labels-idx1-ubyte.gz";

    /** The files of 1998 with the MD5 sums that their users agree on. */
    static final Map<String, String> CHECKSUMS =
            Map.of(
                    TRAIN_IMAGES, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                    TRAIN_LABELS, "d53e105ee54ea40749a09fcbcd1e9432",
                    TEST_IMAGES, "9fb629c4189551a2d022fa330f9573f3",
                    TEST_LABELS, "ec29112dd5afa0611ce80d1b7f02629c");

    private static final String MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/";
    private static final int FIFTHS = 5;
    private static final String UNUSABLE = "%s is not a usable MNIST file: %s; download it again";

    private Mnist() {}

    /**
     * Reads a folder with the four files of MNIST under their usual names. If there are only those
     * for tests, {@code t10k-*}, the first four fifths of them become the training images.
     */
    public static ImageData read(Path folder) {
        String none = "There is no folder %s: give one with MNIST's files";
        unless(Files.isDirectory(folder), none, folder);
        String empty = "The folder %s has no %s: it needs MNIST's four files, or the two for tests";
        unless(Files.exists(folder.resolve(TEST_IMAGES)), empty, folder, TEST_IMAGES);
        ImageSet test = images(folder, TEST_IMAGES, TEST_LABELS);
        if (Files.exists(folder.resolve(TRAIN_IMAGES))) {
            String form = "MNIST in %s: %,d images to train on, %,d to test with";
            return data(form, folder, images(folder, TRAIN_IMAGES, TRAIN_LABELS), test);
        }
        String few = "The folder %s has only %s images: too few to train and test";
        unless(test.size() >= FIFTHS, few, folder, test.size());
        int cut = test.size() / FIFTHS * (FIFTHS - 1);
        String form =
                "MNIST in %s, which has no train-images-idx3-ubyte.gz: the test images' first %,d"
                        + " to train on, last %,d to test with";
        return data(form, folder, test.part(0, cut), test.part(cut, test.size()));
    }

    private static ImageData data(String form, Path folder, ImageSet train, ImageSet test) {
        String description = String.format(Locale.ROOT, form, folder, train.size(), test.size());
        return new ImageData(train, test, CLASSES, description);
    }

    /** Downloads the four files (11.6 MB) unless they are in the cache and right; reads them. */
    public static ImageData download(Path cacheDirectory, PrintStream messages) {
        Path folder = CorpusLoader.downloads(cacheDirectory).resolve("mnist");
        String alternative = "give a folder that has MNIST with --data";
        Downloader downloader = new Downloader(folder, messages, alternative);
        for (String file : CHECKSUMS.keySet()) {
            Check check = Check.sum("MD5", CHECKSUMS.get(file));
            downloader.fetch(URI.create(MIRROR + file), Path.of(file), check);
        }
        return read(folder);
    }

    private static ImageSet images(Path folder, String imageFile, String labelFile) {
        Path imagePath = folder.resolve(imageFile);
        Path labelPath = folder.resolve(labelFile);
        byte[] images = bytes(imagePath, SIDE, SIDE);
        byte[] labels = bytes(labelPath);
        int count = images.length / SIDE / SIDE;
        String both = "%s has %s images, but %s has %s labels: get both from one place";
        unless(count == labels.length, both, imagePath, count, labelPath, labels.length);
        String range = "%s has label %s at image %s, but labels are 0 to 9";
        for (int i = 0; i < count; i++) {
            int label = Byte.toUnsignedInt(labels[i]);
            unless(label < CLASSES, range, labelPath, label, i);
        }
        return new ImageSet(SIDE, images, labels);
    }

    /**
     * Reads a file in MNIST's format, compressed by gzip: a big-endian magic number (two zero
     * bytes, type, rank), the sizes of the dimensions, of which the first may be any, the values.
     */
    private static byte[] bytes(Path path, int... sizes) {
        try (InputStream file = Files.newInputStream(path);
                DataInputStream in = new DataInputStream(new GZIPInputStream(file))) {
            int magic = in.readInt();
            int right = 0x0801 + sizes.length; // of bytes
            String wrong = "its magic number is 0x%08x instead of 0x%08x";
            require(magic == right, path, wrong, magic, right);
            int count = in.readInt();
            long length = count;
            for (int size : sizes) {
                int given = in.readInt();
                String other = "its images are %s pixels high or wide instead of %s";
                require(given == size, path, other, given, size);
                length *= size;
            }
            require(count >= 1 && length <= 1 << 30, path, "its number of images is %s", count);
            byte[] values = in.readNBytes((int) length);
            int have = values.length;
            require(have == length, path, "it promises %s bytes and has only %s", length, have);
            require(in.read() < 0, path, "it promises %s bytes and has more", length);
            return values;
        } catch (NoSuchFileException e) {
            throw new BadInputException("There is no file " + path, e);
        } catch (EOFException e) {
            throw new BadInputException(UNUSABLE.formatted(path, "it ends too early"), e);
        } catch (IOException e) {
            throw new BadInputException(
                    "Cannot read " + path + " (" + e + "): it must be compressed by gzip", e);
        }
    }

    private static void require(boolean condition, Path path, String what, Object... values) {
        unless(condition, UNUSABLE, path, String.format(Locale.ROOT, what, values));
    }
}

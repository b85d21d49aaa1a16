package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * The handwritten digits of LeCun, Cortes and Burges: 28 x 28 pixels, 60,000 images to train on and
 * 10,000 to test with. Data of the same format and number of classes, such as Fashion-MNIST, can be
 * read too.
 *
 * @param train the images to train on
 * @param test the images to test with
 * @param description one line: what was read, and how it was split
 */
public record Mnist(ImageSet train, ImageSet test, String description) {

    /** The height and width of an image in pixels. */
    public static final int SIDE = 28;

    /** The number of classes; labels are in [0, CLASSES). */
    public static final int CLASSES = 10;

    static final String TRAIN_IMAGES = "train-images-idx3-ubyte.gz";
    static final String TRAIN_LABELS = "train-labels-idx1-ubyte.gz";
    static final String TEST_IMAGES = "t10k-images-idx3-ubyte.gz";
    static final String TEST_LABELS = "t10k-labels-idx1-ubyte.gz";

    /** The files of 1998 with the checksums that their users agree on. */
    static final Map<String, String> CHECKSUMS =
            Map.of(
                    TRAIN_IMAGES, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                    TRAIN_LABELS, "d53e105ee54ea40749a09fcbcd1e9432",
                    TEST_IMAGES, "9fb629c4189551a2d022fa330f9573f3",
                    TEST_LABELS, "ec29112dd5afa0611ce80d1b7f02629c");

    private static final String MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/";
    private static final String FOLDER = "mnist";

    // Of 10,000 images the first 8,000 are for training.
    private static final int TRAIN_FIFTHS = 4;
    private static final int FIFTHS = 5;

    /**
     * Reads the data from a folder with the four files of MNIST under their usual names. If there
     * are only those for tests, {@code t10k-*}, the first four fifths of them become the training
     * images.
     *
     * @param folder the folder
     * @return the data
     * @throws BadInputException if a file is missing, cannot be read, or is not what it should be
     */
    public static Mnist read(Path folder) {
        BadInputException.unless(
                Files.isDirectory(folder),
                "There is no folder %s: give one with MNIST's files",
                folder);
        BadInputException.unless(
                Files.exists(folder.resolve(TEST_IMAGES)),
                "The folder %s has no %s: it needs MNIST's four files, or the two for tests",
                folder,
                TEST_IMAGES);
        ImageSet test = images(folder, TEST_IMAGES, TEST_LABELS);
        if (Files.exists(folder.resolve(TRAIN_IMAGES))) {
            ImageSet train = images(folder, TRAIN_IMAGES, TRAIN_LABELS);
            return new Mnist(train, test, "MNIST in " + folder + ": " + counts(train, test));
        }
        BadInputException.unless(
                test.size() >= FIFTHS,
                "The folder %s has only %s images: too few to train and test",
                folder,
                test.size());
        int cut = test.size() / FIFTHS * TRAIN_FIFTHS;
        ImageSet first = test.part(0, cut);
        ImageSet last = test.part(cut, test.size());
        return new Mnist(
                first,
                last,
                String.format(
                        Locale.ROOT,
                        "MNIST in %s, which has no %s: the test images' first %,d to train on, last"
                                + " %,d to test with",
                        folder,
                        TRAIN_IMAGES,
                        first.size(),
                        last.size()));
    }

    /**
     * Downloads the four files (11.6 MB) unless they are here already and right, and reads them.
     *
     * @param cacheDirectory where downloads are kept; created when needed
     * @param messages receives progress, for people
     * @return the data
     * @throws BadInputException if the files cannot be fetched or are not the published ones
     */
    public static Mnist download(Path cacheDirectory, PrintStream messages) {
        Path downloads = CorpusLoader.downloads(cacheDirectory);
        Downloader downloader =
                new Downloader(downloads, messages, "give a folder that has MNIST with --data");
        CHECKSUMS.forEach(
                (file, md5) ->
                        downloader.fetch(
                                URI.create(MIRROR + file),
                                Path.of(FOLDER, file),
                                Downloader.Check.md5(md5)));
        return read(downloads.resolve(FOLDER));
    }

    private static String counts(ImageSet train, ImageSet test) {
        return String.format(
                Locale.ROOT, "%,d images to train on, %,d to test with", train.size(), test.size());
    }

    private static ImageSet images(Path folder, String imageFile, String labelFile) {
        Path imagePath = folder.resolve(imageFile);
        Path labelPath = folder.resolve(labelFile);
        Idx images = Idx.read(imagePath, 3);
        Idx labels = Idx.read(labelPath, 1);
        int[] sizes = images.sizes();
        BadInputException.unless(
                sizes[1] == SIDE && sizes[2] == SIDE,
                "%s has images of %s x %s pixels instead of 28 x 28",
                imagePath,
                sizes[1],
                sizes[2]);
        int labelCount = labels.sizes()[0];
        BadInputException.unless(
                sizes[0] == labelCount,
                "%s has %s images, but %s has %s labels: get both from one place",
                imagePath,
                sizes[0],
                labelPath,
                labelCount);
        for (int i = 0; i < labelCount; i++) {
            int label = Byte.toUnsignedInt(labels.values()[i]);
            BadInputException.unless(
                    label < CLASSES,
                    "%s has label %s at image %s, but labels are 0 to 9",
                    labelPath,
                    label,
                    i);
        }
        return new ImageSet(SIDE, images.values(), labels.values());
    }

    /**
     * Bytes in MNIST's format, read whole: a big-endian magic number (two zero bytes, type, rank),
     * the sizes of the dimensions, the values; compressed by gzip.
     *
     * @param sizes of the dimensions, none below 1
     * @param values as many bytes as the sizes promise
     */
    private record Idx(int[] sizes, byte[] values) {

        private static final int MAGIC_OF_BYTES = 0x0800;
        private static final long MAX_VALUES = 1 << 30;

        /** Reads a file that must have so many dimensions. */
        static Idx read(Path path, int rank) {
            try (DataInputStream in =
                    new DataInputStream(new GZIPInputStream(Files.newInputStream(path)))) {
                int magic = in.readInt();
                if (magic != MAGIC_OF_BYTES + rank) {
                    String what = "its magic number is 0x%08x instead of 0x%08x";
                    throw damaged(
                            path, String.format(Locale.ROOT, what, magic, MAGIC_OF_BYTES + rank));
                }
                int[] sizes = new int[rank];
                long length = 1;
                for (int i = 0; i < rank; i++) {
                    sizes[i] = in.readInt();
                    length = sizes[i] < 1 ? 0 : Math.min(length * sizes[i], MAX_VALUES + 1);
                }
                if (length < 1 || length > MAX_VALUES) {
                    throw damaged(path, "its dimensions are " + Arrays.toString(sizes));
                }
                byte[] values = in.readNBytes((int) length);
                if (values.length < length || in.read() >= 0) {
                    String there = values.length < length ? "only " + values.length : "more";
                    throw damaged(
                            path,
                            "it promises " + Arrays.toString(sizes) + " bytes and has " + there);
                }
                return new Idx(sizes, values);
            } catch (NoSuchFileException e) {
                throw new BadInputException("There is no file " + path, e);
            } catch (EOFException e) {
                throw damaged(path, "it ends too early");
            } catch (IOException e) {
                throw new BadInputException(
                        "Cannot read " + path + " (" + e + "): it must be compressed by gzip", e);
            }
        }

        private static BadInputException damaged(Path path, String what) {
            return new BadInputException(
                    path + " is not a usable MNIST file: " + what + "; download it again");
        }
    }
}

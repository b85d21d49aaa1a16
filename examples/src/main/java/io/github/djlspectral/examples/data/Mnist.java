package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

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
        if (!Files.isDirectory(folder)) {
            throw new BadInputException(
                    "There is no folder " + folder + ": give one with MNIST's files");
        }
        if (!Files.exists(folder.resolve(TEST_IMAGES))) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has no "
                            + TEST_IMAGES
                            + ": it needs MNIST's four files, or the two for tests");
        }
        ImageSet test = images(folder, TEST_IMAGES, TEST_LABELS);
        if (Files.exists(folder.resolve(TRAIN_IMAGES))) {
            ImageSet train = images(folder, TRAIN_IMAGES, TRAIN_LABELS);
            return new Mnist(train, test, "MNIST in " + folder + ": " + counts(train, test));
        }
        if (test.size() < FIFTHS) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has only "
                            + test.size()
                            + " images: too few to train and test");
        }
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
        published(URI.create(MIRROR)).forEach(downloader::fetch);
        return read(downloads.resolve(FOLDER));
    }

    /** The files of 1998 with the checksums that their users agree on. */
    static List<RemoteFile> published(URI mirror) {
        List<RemoteFile> files = new ArrayList<>();
        files.add(file(mirror, TRAIN_IMAGES, "f68b3c2dcbeaaa9fbdd348bbdeb94873"));
        files.add(file(mirror, TRAIN_LABELS, "d53e105ee54ea40749a09fcbcd1e9432"));
        files.add(file(mirror, TEST_IMAGES, "9fb629c4189551a2d022fa330f9573f3"));
        files.add(file(mirror, TEST_LABELS, "ec29112dd5afa0611ce80d1b7f02629c"));
        return files;
    }

    private static RemoteFile file(URI mirror, String name, String md5) {
        return new RemoteFile(mirror.resolve(name), Path.of(FOLDER, name), FileCheck.md5(md5));
    }

    private static String counts(ImageSet train, ImageSet test) {
        return String.format(
                Locale.ROOT, "%,d images to train on, %,d to test with", train.size(), test.size());
    }

    private static ImageSet images(Path folder, String imageFile, String labelFile) {
        Path imagePath = folder.resolve(imageFile);
        Path labelPath = folder.resolve(labelFile);
        IdxFile images = IdxFile.read(imagePath, 3);
        IdxFile labels = IdxFile.read(labelPath, 1);
        int[] sizes = images.sizes();
        if (sizes[1] != SIDE || sizes[2] != SIDE) {
            throw new BadInputException(
                    imagePath
                            + " has images of "
                            + sizes[1]
                            + " x "
                            + sizes[2]
                            + " pixels"
                            + " instead of 28 x 28");
        }
        if (sizes[0] != labels.sizes()[0]) {
            throw new BadInputException(
                    imagePath
                            + " has "
                            + sizes[0]
                            + " images, but "
                            + labelPath
                            + " has "
                            + labels.sizes()[0]
                            + " labels: get both from one place");
        }
        for (int i = 0; i < labels.values().length; i++) {
            int label = Byte.toUnsignedInt(labels.values()[i]);
            if (label >= CLASSES) {
                throw new BadInputException(
                        labelPath
                                + " has label "
                                + label
                                + " at image "
                                + i
                                + ", but labels are 0"
                                + " to 9");
            }
        }
        return new ImageSet(SIDE, images.values(), labels.values());
    }
}

package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/**
 * Images in classes, to train on and to test with.
 *
 * @param train the images to train on
 * @param test the images to test with, of the same height and width
 * @param classes the number of classes; labels are in [0, classes)
 * @param description one line: what was read, and how it was split
 */
public record ImageData(ImageSet train, ImageSet test, int classes, String description) {

    private static final List<String> ENDINGS = List.of(".png", ".jpg", ".jpeg", ".gif", ".bmp");
    private static final int MAX_CLASSES = Byte.MAX_VALUE;
    private static final int MAX_PIXELS = 1 << 30;
    private static final int SHUFFLE_SEED = 1;
    private static final int FIFTHS = 5;

    /** Takes MNIST as it is. */
    public static ImageData of(Mnist mnist) {
        return new ImageData(mnist.train(), mnist.test(), Mnist.CLASSES, mnist.description());
    }

    /**
     * Reads a folder: {@linkplain Mnist#read MNIST} if its files are there, or else one with a
     * subfolder of pictures for each class}.
     *
     * @param folder the folder
     * @param side the height and width that pictures are brought to; MNIST keeps its own
     * @return the images
     * @throws BadInputException if there is neither, or a file cannot be used
     */
    public static ImageData read(Path folder, int side) {
        if (Files.exists(folder.resolve(Mnist.TEST_IMAGES)) || !hasFolders(folder)) {
            return of(Mnist.read(folder));
        }
        return pictures(folder, side);
    }

    private static boolean hasFolders(Path folder) {
        return Files.isDirectory(folder) && !entries(folder, Files::isDirectory).isEmpty();
    }

    /** Returns the height and width of every image in pixels. */
    public int side() {
        return train.side();
    }

    /** A picture of a class. */
    private record Picture(Path path, int label) {}

    /**
     * Reads pictures in a folder with a subfolder for each class, whose name is the name of the
     * class. PNG, JPEG, GIF and BMP files become grey squares; other files, and what begins with a
     * dot, are left out. Classes are numbered in the order of their names. The order is shuffled,
     * the same for the same files, and the last fifth is to test with.
     */
    private static ImageData pictures(Path folder, int side) {
        BadInputException.unless(
                side >= 1, "The side of an image is %s, but must be at least 1", side);
        List<Path> classes = entries(folder, Files::isDirectory);
        BadInputException.unless(
                classes.size() >= 2 && classes.size() <= MAX_CLASSES,
                "The folder %s has %s folders, but needs one of pictures for each of 2 to %s"
                        + " classes",
                folder,
                classes.size(),
                MAX_CLASSES);
        List<Picture> pictures = pictures(classes);
        BadInputException.unless(
                pictures.size() >= FIFTHS,
                "The folder %s has only %s pictures: too few to train and test",
                folder,
                pictures.size());
        Collections.shuffle(pictures, new Random(SHUFFLE_SEED));
        ImageSet all = load(folder, pictures, side);
        int cut = all.size() - all.size() / FIFTHS;
        String description =
                String.format(
                        Locale.ROOT,
                        "Pictures of %d classes in %s, %d x %d: %,d to train on, %,d to test with",
                        classes.size(),
                        folder,
                        side,
                        side,
                        cut,
                        all.size() - cut);
        return new ImageData(
                all.part(0, cut), all.part(cut, all.size()), classes.size(), description);
    }

    private static List<Picture> pictures(List<Path> classes) {
        List<Picture> pictures = new ArrayList<>();
        for (int label = 0; label < classes.size(); label++) {
            List<Path> files = entries(classes.get(label), ImageData::isPicture);
            BadInputException.unless(
                    !files.isEmpty(),
                    "The folder %s has no picture: put some there, *%s, or remove it",
                    classes.get(label),
                    String.join(", *", ENDINGS));
            for (Path file : files) {
                pictures.add(new Picture(file, label));
            }
        }
        return pictures;
    }

    private static boolean isPicture(Path path) {
        String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
        return Files.isRegularFile(path) && ENDINGS.stream().anyMatch(name::endsWith);
    }

    private static List<Path> entries(Path folder, Predicate<Path> wanted) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(path -> !path.getFileName().toString().startsWith("."))
                    .filter(wanted)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + folder + " (" + e + ")", e);
        }
    }

    private static ImageSet load(Path folder, List<Picture> pictures, int side) {
        long length = (long) pictures.size() * side * side;
        BadInputException.unless(
                length <= MAX_PIXELS,
                "The folder %s has %s pictures, too many for memory at %s x %s pixels: take a"
                        + " smaller side",
                folder,
                pictures.size(),
                side,
                side);
        byte[] pixels = new byte[(int) length];
        byte[] labels = new byte[pictures.size()];
        int[] row = new int[side * side];
        for (int i = 0; i < labels.length; i++) {
            Picture picture = pictures.get(i);
            labels[i] = (byte) picture.label();
            grey(picture.path(), side).getRaster().getSamples(0, 0, side, side, 0, row);
            for (int p = 0; p < row.length; p++) {
                pixels[i * row.length + p] = (byte) row[p];
            }
        }
        return new ImageSet(side, pixels, labels);
    }

    /** Reads a picture whole, whatever its proportions, as a grey square. */
    private static BufferedImage grey(Path path, int side) {
        BufferedImage picture;
        try {
            picture = ImageIO.read(path.toFile());
        } catch (IOException e) {
            throw unusable(path, e);
        }
        if (picture == null) {
            throw unusable(path, null);
        }
        BufferedImage grey = new BufferedImage(side, side, BufferedImage.TYPE_BYTE_GRAY);
        Graphics2D graphics = grey.createGraphics();
        graphics.setRenderingHint(
                RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
        graphics.drawImage(picture, 0, 0, side, side, null);
        graphics.dispose();
        return grey;
    }

    private static BadInputException unusable(Path path, IOException cause) {
        String why = cause == null ? "" : " (" + cause.getMessage() + ")";
        return new BadInputException(
                path + " is no picture that can be read" + why + ": replace or remove it", cause);
    }
}

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
 * Pictures in a folder with a subfolder for each class, whose name is the name of the class. PNG,
 * JPEG, GIF and BMP files become grey squares; other files, and what begins with a dot, are left
 * out. The order is shuffled, the same for the same files, and the last fifth is to test with.
 */
public final class ImageFolder {

    private static final List<String> ENDINGS = List.of(".png", ".jpg", ".jpeg", ".gif", ".bmp");
    private static final int MAX_CLASSES = Byte.MAX_VALUE;
    private static final int MAX_PIXELS = 1 << 30;
    private static final int SHUFFLE_SEED = 1;
    private static final int FIFTHS = 5;

    private ImageFolder() {}

    /** A picture of a class. */
    private record Picture(Path path, int label) {}

    /**
     * Reads all pictures.
     *
     * @param folder the folder above those of the classes
     * @param side the height and width to bring them to, in pixels, at least 1
     * @return the images; classes are numbered in the order of their names
     * @throws BadInputException if there are fewer than two classes or more than 127, a class has
     *     no picture, there are fewer than five, or a picture cannot be read
     */
    public static ImageData read(Path folder, int side) {
        if (side < 1) {
            throw new BadInputException(
                    "The side of an image is " + side + ", but must be at least 1");
        }
        List<Path> classes = entries(folder, Files::isDirectory);
        if (classes.size() < 2 || classes.size() > MAX_CLASSES) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has "
                            + classes.size()
                            + " folders, but needs one of pictures for each of 2 to "
                            + MAX_CLASSES
                            + " classes");
        }
        List<Picture> pictures = pictures(classes);
        if (pictures.size() < FIFTHS) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has only "
                            + pictures.size()
                            + " pictures: too few to train and test");
        }
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
            List<Path> files = entries(classes.get(label), ImageFolder::isPicture);
            if (files.isEmpty()) {
                throw new BadInputException(
                        "The folder "
                                + classes.get(label)
                                + " has no picture: put some there, *"
                                + String.join(", *", ENDINGS)
                                + ", or remove it");
            }
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
        if (length > MAX_PIXELS) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has "
                            + pictures.size()
                            + " pictures, too many for memory at "
                            + side
                            + " x "
                            + side
                            + " pixels: take a smaller side");
        }
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
        return new BadInputException(
                path
                        + " is no picture that can be read"
                        + (cause == null ? "" : " (" + cause.getMessage() + ")")
                        + ": replace or remove it",
                cause);
    }
}

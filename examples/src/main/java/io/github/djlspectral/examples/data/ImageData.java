package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.awt.RenderingHints.KEY_INTERPOLATION;
import static java.awt.RenderingHints.VALUE_INTERPOLATION_BILINEAR;

import io.github.djlspectral.text.BadInputException;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
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

    /** A picture of a class. */
    private record Picture(Path path, int label) {}

    /** Returns the height and width of every image in pixels. */
    public int side() {
        return train.side();
    }

    /**
     * Reads a folder: {@linkplain Mnist#read MNIST} if its files are there, or else one with a
     * subfolder for each class, whose name is the name of the class. PNG, JPEG, GIF and BMP files
     * become grey squares; other files, and what begins with a dot, are left out. Classes are
     * numbered in the order of their names. The order is shuffled, the same for the same files, and
     * the last fifth is to test with.
     *
     * @param side the height and width that pictures are brought to; MNIST keeps its own
     * @throws BadInputException if there is neither, or a file cannot be used
     */
    public static ImageData read(Path folder, int side) {
        List<Path> classes =
                Files.isDirectory(folder) ? TextFiles.list(folder, Files::isDirectory) : List.of();
        if (Files.exists(folder.resolve(Mnist.TEST_IMAGES)) || classes.isEmpty()) {
            return Mnist.read(folder);
        }
        unless(side >= 1, "The side of an image is %s, but must be at least 1", side);
        int count = classes.size();
        String number =
                "The folder %s has %s folders, but needs one of pictures for each of 2 to %s"
                        + " classes";
        unless(count >= 2 && count <= MAX_CLASSES, number, folder, count, MAX_CLASSES);
        List<Picture> pictures = new ArrayList<>();
        String none = "The folder %s has no picture: put some there, *%s, or remove it";
        for (int label = 0; label < count; label++) {
            List<Path> files = TextFiles.list(classes.get(label), ImageData::isPicture);
            unless(!files.isEmpty(), none, classes.get(label), String.join(", *", ENDINGS));
            for (Path file : files) {
                pictures.add(new Picture(file, label));
            }
        }
        int all = pictures.size();
        String few = "The folder %s has only %s pictures: too few to train and test";
        unless(all >= FIFTHS, few, folder, all);
        String many =
                "The folder %s has %s pictures, too many for memory at %s x %s pixels: take a"
                        + " smaller side";
        unless((long) all * side * side <= MAX_PIXELS, many, folder, all, side, side);
        Collections.shuffle(pictures, new Random(SHUFFLE_SEED));
        int cut = all - all / FIFTHS;
        String form = "Pictures of %d classes in %s, %d x %d: %,d to train on, %,d to test with";
        return new ImageData(
                load(pictures.subList(0, cut), side),
                load(pictures.subList(cut, all), side),
                count,
                String.format(Locale.ROOT, form, count, folder, side, side, cut, all - cut));
    }

    private static boolean isPicture(Path path) {
        String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
        return Files.isRegularFile(path) && ENDINGS.stream().anyMatch(name::endsWith);
    }

    private static ImageSet load(List<Picture> pictures, int side) {
        int length = side * side;
        byte[] pixels = new byte[pictures.size() * length];
        byte[] labels = new byte[pictures.size()];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = (byte) pictures.get(i).label();
            System.arraycopy(grey(pictures.get(i).path(), side), 0, pixels, i * length, length);
        }
        return new ImageSet(side, pixels, labels);
    }

    /** Reads a picture whole, whatever its proportions, as a grey square. */
    private static byte[] grey(Path path, int side) {
        BufferedImage grey = new BufferedImage(side, side, BufferedImage.TYPE_BYTE_GRAY);
        Graphics2D graphics = grey.createGraphics();
        graphics.setRenderingHint(KEY_INTERPOLATION, VALUE_INTERPOLATION_BILINEAR);
        try {
            BufferedImage picture = ImageIO.read(path.toFile());
            if (picture == null) {
                throw new IOException("its format is not known");
            }
            graphics.drawImage(picture, 0, 0, side, side, null);
        } catch (IOException e) {
            String why = " is no picture that can be read (" + e.getMessage() + ")";
            throw new BadInputException(path + why + ": replace or remove it", e);
        }
        return ((DataBufferByte) grey.getRaster().getDataBuffer()).getData();
    }
}

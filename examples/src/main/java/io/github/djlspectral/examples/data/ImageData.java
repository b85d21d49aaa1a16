package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Images in classes, to train on and to test with.
 *
 * @param train the images to train on
 * @param test the images to test with, of the same height and width
 * @param classes the number of classes; labels are in [0, classes)
 * @param description one line: what was read, and how it was split
 */
public record ImageData(ImageSet train, ImageSet test, int classes, String description) {

    /**
     * Takes MNIST as it is.
     *
     * @param mnist the digits
     * @return the same images
     */
    public static ImageData of(Mnist mnist) {
        return new ImageData(mnist.train(), mnist.test(), Mnist.CLASSES, mnist.description());
    }

    /**
     * Reads a folder: {@linkplain Mnist#read MNIST} if its files are there, or else {@linkplain
     * ImageFolder one with a subfolder of pictures for each class}.
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
        return ImageFolder.read(folder, side);
    }

    private static boolean hasFolders(Path folder) {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        try (var entries = Files.list(folder)) {
            return entries.anyMatch(Files::isDirectory);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + folder + " (" + e + ")", e);
        }
    }

    /**
     * Returns the height and width of every image.
     *
     * @return in pixels
     */
    public int side() {
        return train.side();
    }
}

package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFolderTest {

    @TempDir private Path folder;

    private void picture(String name, int width, int height, Color left, Color right)
            throws IOException {
        Path path = folder.resolve(name);
        Files.createDirectories(path.getParent());
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(left);
        graphics.fillRect(0, 0, width / 2, height);
        graphics.setColor(right);
        graphics.fillRect(width / 2, 0, width - width / 2, height);
        graphics.dispose();
        String format = name.substring(name.lastIndexOf('.') + 1);
        assertThat(ImageIO.write(image, format, path.toFile())).isTrue();
    }

    private void pictures() throws IOException {
        for (int i = 0; i < 5; i++) {
            picture("cat/" + i + ".png", 8, 8, Color.BLACK, Color.WHITE);
            picture("dog/" + i + ".jpg", 20 + i, 10, Color.WHITE, Color.BLACK);
        }
    }

    @Test
    void picturesBecomeGreySquaresOfTheirClass() throws IOException {
        pictures();
        Files.writeString(folder.resolve("cat/notes.txt"), "not a picture");
        Files.createDirectory(folder.resolve(".hidden"));
        ImageData data = ImageData.read(folder, 4);
        assertThat(data.side()).isEqualTo(4);
        assertThat(data.classes()).isEqualTo(2);
        assertThat(data.description())
                .contains("2 classes", "4 x 4: 8 to train on, 2 to test with");
        ImageSet.Batch train = data.train().batch();
        assertThat(IntStream.of(train.labels()).sum()).isBetween(3, 5); // the order is shuffled
        for (int i = 0; i < train.size(); i++) {
            // the left column of a cat is black, that of a dog white, the right one the other
            int dog = train.labels()[i];
            for (int y = 0; y < 4; y++) {
                assertThat(train.pixels()[16 * i + 4 * y]).isCloseTo(dog, within(0.03f));
                assertThat(train.pixels()[16 * i + 4 * y + 3]).isCloseTo(1 - dog, within(0.03f));
            }
        }
    }

    @Test
    void theSplitIsTheSameEachTime() throws IOException {
        pictures();
        ImageData first = ImageData.read(folder, 3);
        ImageData second = ImageData.read(folder, 3);
        assertThat(second.train().batch().pixels()).isEqualTo(first.train().batch().pixels());
        assertThat(second.test().batch().labels()).isEqualTo(first.test().batch().labels());
        assertThat(Arrays.stream(first.train().batch().labels()).distinct().count()).isEqualTo(2);
    }

    @Test
    void mnistIsRecognised() throws IOException {
        pictures();
        IdxWriter.writeTest(folder, 10);
        ImageData data = ImageData.read(folder, 4);
        assertThat(data.side()).isEqualTo(Mnist.SIDE);
        assertThat(data.classes()).isEqualTo(Mnist.CLASSES);
    }

    @Test
    void whatCannotBeUsedIsNamed() throws IOException {
        assertThatThrownBy(() -> ImageData.read(folder.resolve("none"), 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("There is no folder");
        assertThatThrownBy(() -> ImageData.read(folder, 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has no t10k-images");
        picture("cat/1.png", 2, 2, Color.RED, Color.RED);
        assertThatThrownBy(() -> ImageData.read(folder, 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has 1 folders, but needs one of pictures for each of 2 to");
        Files.createDirectory(folder.resolve("dog"));
        assertThatThrownBy(() -> ImageData.read(folder, 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("dog has no picture");
        picture("dog/1.png", 2, 2, Color.RED, Color.RED);
        assertThatThrownBy(() -> ImageData.read(folder, 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has only 2 pictures");
        pictures();
        assertThatThrownBy(() -> ImageData.read(folder, 0))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("is 0, but must be at least 1");
        assertThatThrownBy(() -> ImageData.read(folder, 20000))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("too many for memory");
        Files.writeString(folder.resolve("dog/2.png"), "text");
        assertThatThrownBy(() -> ImageData.read(folder, 4))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("2.png is no picture that can be read");
    }
}

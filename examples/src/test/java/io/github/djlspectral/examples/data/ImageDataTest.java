package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.Downloader.Check;
import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.apache.commons.codec.digest.DigestUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageDataTest {

    private static final int PIXELS = 784;

    @TempDir private Path folder;

    @Test
    void readsTrainingAndTestImages() throws IOException {
        IdxWriter.writeTrain(folder, 30);
        IdxWriter.writeTest(folder, 12);
        ImageData mnist = Mnist.read(folder);
        assertThat(mnist.train().size()).isEqualTo(30);
        assertThat(mnist.test().size()).isEqualTo(12);
        assertThat(mnist.description()).contains("30 images to train on, 12 to test with");
        ImageSet.Batch batch = mnist.test().batch();
        assertThat(batch.labels()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1);
        assertThat(batch.pixels()).hasSize(12 * PIXELS);
        assertThat(batch.pixels()[3 * PIXELS + 28 + 6]).isEqualTo(1f); // the bar of a 3
        assertThat(batch.pixels()[3 * PIXELS + 28 + 8]).isBetween(0f, 63f / 255);
    }

    @Test
    void withoutTrainingImagesTheTestImagesAreSplit() throws IOException {
        IdxWriter.writeTest(folder, 25);
        ImageData mnist = Mnist.read(folder);
        assertThat(mnist.description())
                .contains("no train-images", "first 20 to train on, last 5 to test with");
        float[] all = new float[25 * PIXELS];
        System.arraycopy(mnist.train().batch().pixels(), 0, all, 0, 20 * PIXELS);
        System.arraycopy(mnist.test().batch().pixels(), 0, all, 20 * PIXELS, 5 * PIXELS);
        IdxWriter.writeTrain(folder, 25);
        assertThat(Mnist.read(folder).test().batch().pixels()).containsExactly(all);
        assertThat(mnist.test().batch().labels()).containsExactly(0, 1, 2, 3, 4);
    }

    @Test
    void arraysHaveTheShapesOfLayers() throws IOException {
        IdxWriter.writeTest(folder, 5);
        ImageSet.Batch batch = Mnist.read(folder).train().batch();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray images = batch.images(manager);
            assertThat(images.getShape()).isEqualTo(new Shape(4, 1, 28, 28));
            assertThat(images.getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(batch.classes(manager)).isEqualTo(manager.create(new int[] {0, 1, 2, 3}));
        }
    }

    @Test
    void anEpochHasEveryImageOnceInAnOrderOfItsOwn() throws IOException {
        IdxWriter.writeTest(folder, 25);
        ImageSet images = Mnist.read(folder).train();
        Set<List<Integer>> orders = new HashSet<>(Set.of(hashes(images.batch())));
        for (int run = 0; run < 4; run++) {
            List<Integer> order = order(new ImageSet.Batches(images, 6, run / 2), run % 2);
            assertThat(order).containsExactlyInAnyOrderElementsOf(hashes(images.batch()));
            assertThat(orders.add(order)).isTrue();
        }
        ImageSet.Batches later = new ImageSet.Batches(images, 6, 1);
        later.batch(7, 3);
        assertThat(orders).contains(order(later, 1));
    }

    /** Of 400 pairs all occur in 400 epochs, but for a chance of one in a million. */
    @Test
    void anyImageMayComeAtAnyPlace() throws IOException {
        IdxWriter.writeTest(folder, 25);
        ImageSet.Batches batches = new ImageSet.Batches(Mnist.read(folder).train(), 6, 1);
        Set<List<Integer>> found = new HashSet<>();
        for (int epoch = 0; epoch < 400; epoch++) {
            List<Integer> order = order(batches, epoch);
            IntStream.range(0, 20).forEach(i -> found.add(List.of(i, order.get(i))));
        }
        assertThat(found).hasSize(20 * 20);
    }

    private static List<Integer> order(ImageSet.Batches batches, int epoch) {
        assertThat(batches.perEpoch()).isEqualTo(4);
        assertThat(batches.batch(epoch, 3).size()).isEqualTo(2);
        return IntStream.range(0, 4)
                .boxed()
                .flatMap(index -> hashes(batches.batch(epoch, index)).stream())
                .toList();
    }

    /** Tells images apart; a buffer's hash would not, as it takes grey values for whole numbers. */
    private static List<Integer> hashes(ImageSet.Batch batch) {
        return IntStream.range(0, batch.size())
                .mapToObj(i -> Arrays.copyOfRange(batch.pixels(), i * PIXELS, (i + 1) * PIXELS))
                .map(Arrays::hashCode)
                .toList();
    }

    @Test
    void rangesAreChecked() throws IOException {
        IdxWriter.writeTest(folder, 25);
        ImageSet images = Mnist.read(folder).train();
        assertThatThrownBy(() -> images.part(3, 21)).hasMessageContaining("21");
        ImageSet.Batches batches = new ImageSet.Batches(images, 6, 1);
        assertThatThrownBy(() -> batches.batch(0, 4)).hasMessageContaining("4");
        assertThatThrownBy(() -> new ImageSet.Batches(images, 21, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("is 21, but must be in [1, 20]");
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        reports("has no t10k-images-idx3-ubyte.gz");
        IdxWriter.writeTest(folder, 10);
        Files.delete(folder.resolve(Mnist.TEST_LABELS));
        reports("There is no file " + folder.resolve(Mnist.TEST_LABELS));
        IdxWriter.writeTest(folder, 4);
        reports("only 4 images");
    }

    @Test
    void whatIsWrongWithAFileIsTold() throws IOException {
        IdxWriter.writeTest(folder, 10);
        Path labels = folder.resolve(Mnist.TEST_LABELS);
        IdxWriter.write(labels, 0x0802, new int[] {10}, new byte[10]);
        reports("magic number is 0x00000802 instead of 0x00000801");
        IdxWriter.write(labels, 0x0801, new int[] {10}, new byte[9]);
        reports("promises 10 bytes and has only 9");
        IdxWriter.write(labels, 0x0801, new int[] {10}, new byte[11]);
        reports("promises 10 bytes and has more");
        IdxWriter.write(labels, 0x0801, new int[] {-1}, new byte[11]);
        reports("number of images is -1");
        IdxWriter.write(labels, 0x0801, new int[] {}, new byte[0]);
        reports("ends too early");
        IdxWriter.write(labels, 0x0801, new int[] {9}, new byte[9]);
        reports("has 10 images, but");
        IdxWriter.write(labels, 0x0801, new int[] {10}, new byte[] {0, 0, 0, 10, 0, 0, 0, 0, 0, 0});
        reports("label 10 at image 3");
        Files.writeString(labels, "<html>an error</html>");
        reports("must be compressed by gzip");
        IdxWriter.write(
                folder.resolve(Mnist.TEST_IMAGES), 0x0803, new int[] {1, 2, 3}, new byte[6]);
        IdxWriter.write(labels, 0x0801, new int[] {1}, new byte[1]);
        reports("2 pixels high or wide instead of 28");
    }

    private void reports(String message) {
        refused(folder, 28, message);
    }

    @Test
    void publishedFilesAreTheFourWithTheirChecksums() throws IOException {
        assertThat(Mnist.CHECKSUMS).hasSize(4).containsKey(Mnist.TRAIN_IMAGES);
        Path empty = Files.createFile(folder.resolve("empty"));
        // The MD5 of nothing, from RFC 1321.
        assertThat(Check.sum("MD5", Mnist.CHECKSUMS.get(Mnist.TEST_LABELS)).problem(empty))
                .hasValue(
                        "its MD5 is d41d8cd98f00b204e9800998ecf8427e instead of"
                                + " ec29112dd5afa0611ce80d1b7f02629c");
    }

    @Test
    void downloadedFilesAreChecked() throws IOException {
        Path origin = Files.createDirectory(folder.resolve("origin"));
        IdxWriter.writeTest(origin, 10);
        Downloader downloader =
                new Downloader(
                        folder, new PrintStream(new ByteArrayOutputStream()), "use other data");
        for (String name : List.of(Mnist.TEST_IMAGES, Mnist.TEST_LABELS)) {
            byte[] content = Files.readAllBytes(origin.resolve(name));
            String md5 = DigestUtils.md5Hex(content);
            try (FileServer server = new FileServer(content)) {
                Path path = Path.of("mnist", name);
                Check other = Check.sum("MD5", "0");
                assertThatThrownBy(() -> downloader.fetch(server.uri(), path, other))
                        .isInstanceOf(BadInputException.class)
                        .hasMessageContaining("MD5 is " + md5 + " instead of 0");
                downloader.fetch(server.uri(), path, Check.sum("MD5", md5));
            }
        }
        assertThat(Mnist.read(folder.resolve("mnist")).train().size()).isEqualTo(8);
    }

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
        refused(folder.resolve("none"), 4, "There is no folder");
        refused(folder, 4, "has no t10k-images");
        picture("cat/1.png", 2, 2, Color.RED, Color.RED);
        refused(folder, 4, "has 1 folders, but needs one of pictures for each of 2 to");
        Files.createDirectory(folder.resolve("dog"));
        refused(folder, 4, "dog has no picture");
        picture("dog/1.png", 2, 2, Color.RED, Color.RED);
        refused(folder, 4, "has only 2 pictures");
        pictures();
        refused(folder, 0, "is 0, but must be at least 1");
        refused(folder, 20000, "too many for memory");
        Files.writeString(folder.resolve("dog/2.png"), "text");
        refused(folder, 4, "2.png is no picture that can be read");
    }

    private static void refused(Path path, int side, String message) {
        assertThatThrownBy(() -> ImageData.read(path, side))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}

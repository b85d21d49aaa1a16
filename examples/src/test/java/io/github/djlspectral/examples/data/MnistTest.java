package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.Downloader.Check;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.codec.digest.DigestUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MnistTest {

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
        List<List<Integer>> orders = new ArrayList<>();
        for (int seed = 1; seed <= 2; seed++) {
            for (int epoch = 0; epoch < 2; epoch++) {
                orders.add(order(new ImageSet.Batches(images, 6, seed), epoch, images));
            }
        }
        assertThat(orders).doesNotHaveDuplicates();
        assertThat(orders)
                .allSatisfy(
                        order ->
                                assertThat(order)
                                        .hasSize(20)
                                        .doesNotHaveDuplicates()
                                        .isNotEqualTo(order.stream().sorted().toList()));

        ImageSet.Batches later = new ImageSet.Batches(images, 6, 2);
        later.batch(7, 3);
        assertThat(order(later, 1, images)).isEqualTo(orders.get(3));
    }

    /** The numbers of an epoch's images, known by their pixels. */
    private static List<Integer> order(ImageSet.Batches batches, int epoch, ImageSet images) {
        assertThat(batches.perEpoch()).isEqualTo(4);
        List<float[]> known = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            known.add(images.part(i, i + 1).batch().pixels());
        }
        List<Integer> order = new ArrayList<>();
        for (int index = 0; index < batches.perEpoch(); index++) {
            ImageSet.Batch batch = batches.batch(epoch, index);
            assertThat(batch.size()).isEqualTo(index < 3 ? 6 : 2);
            for (int row = 0; row < batch.size(); row++) {
                float[] image =
                        Arrays.copyOfRange(batch.pixels(), row * PIXELS, (row + 1) * PIXELS);
                int number = 0;
                while (!Arrays.equals(known.get(number), image)) {
                    number++;
                }
                assertThat(batch.labels()[row]).isEqualTo(number % 10);
                order.add(number);
            }
        }
        return order;
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
        assertThatThrownBy(() -> Mnist.read(folder.resolve("none")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("There is no folder");
    }

    @Test
    void whatIsWrongWithAFileIsTold() throws IOException {
        IdxWriter.writeTest(folder, 10);
        Path labels = folder.resolve(Mnist.TEST_LABELS);
        IdxWriter.write(labels, 0x0802, new int[] {10}, new byte[10]);
        reports("magic number is 0x00000802 instead of 0x00000801");
        IdxWriter.write(labels, 0x0801, new int[] {10}, new byte[9]);
        reports("promises [10] bytes and has only 9");
        IdxWriter.write(labels, 0x0801, new int[] {10}, new byte[11]);
        reports("promises [10] bytes and has more");
        IdxWriter.write(labels, 0x0801, new int[] {-1}, new byte[11]);
        reports("dimensions are [-1]");
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
        reports("images of 2 x 3 pixels instead of 28 x 28");
    }

    private void reports(String message) {
        assertThatThrownBy(() -> Mnist.read(folder))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }

    @Test
    void publishedFilesAreTheFourWithTheirChecksums() throws IOException {
        assertThat(Mnist.CHECKSUMS)
                .containsOnlyKeys(
                        Mnist.TRAIN_IMAGES,
                        Mnist.TRAIN_LABELS,
                        Mnist.TEST_IMAGES,
                        Mnist.TEST_LABELS);
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
}

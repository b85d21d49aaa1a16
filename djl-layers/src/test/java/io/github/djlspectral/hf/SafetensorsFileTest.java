package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsFileTest {

    @TempDir private Path directory;
    private Path path;

    @BeforeEach
    void setUp() {
        path = directory.resolve("model.safetensors");
    }

    @ParameterizedTest
    @EnumSource(FloatFormat.class)
    void readsWhatIsWritten(FloatFormat format) throws IOException {
        int large = 600_001; // more than a chunk of a megabyte
        float[] many = new float[large];
        for (int i = 0; i < large; i++) {
            many[i] = i % 127 - 63;
        }
        FixedTensors source =
                new FixedTensors()
                        .put("scalar", new Shape(), 1.5f)
                        .put("empty", new Shape(0, 3))
                        .put("large", new Shape(large), many)
                        .put("matrix", new Shape(2, 3), 1, -2, 3, -4, 5, -0f);
        SafetensorsWriter.write(path, source, format, Map.of("format", "pt"));
        SafetensorsFile file = SafetensorsFile.open(path);
        assertThat(file.names()).containsExactlyInAnyOrderElementsOf(source.names());
        for (String name : source.names()) {
            assertThat(file.shape(name)).isEqualTo(source.shape(name));
            assertThat(file.format(name)).isEqualTo(format);
            assertThat(file.read(name)).as(name).isEqualTo(source.read(name));
        }
        assertThat(Files.readString(path, StandardCharsets.ISO_8859_1).substring(8))
                .startsWith("{\"__metadata__\":{\"format\":\"pt\"},\"scalar\":{");
        assertThat(Files.readAllBytes(path)[0] % 8).as("aligned").isZero();
    }

    @Test
    void readsArraysBeyondTwoGibibytes() throws IOException {
        long far = 5L << 30;
        String json =
                "{'gap':{'dtype':'U8','shape':[%d],'data_offsets':[0,%d]},"
                        + "'far':{'dtype':'F32','shape':[2],'data_offsets':[%d,%d]}}";
        ByteBuffer header = header(String.format(Locale.ROOT, json, far, far, far, far + 8));
        try (FileChannel channel =
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.SPARSE,
                        StandardOpenOption.WRITE)) {
            long position = header.remaining() + far;
            channel.write(header);
            channel.write(floats(3, 4), position);
        }
        SafetensorsFile file = SafetensorsFile.open(path);
        assertThat(file.read("far")).containsExactly(3, 4);
        assertThat(file.shape("gap")).isEqualTo(new Shape(far));
        assertThatThrownBy(() -> file.read("gap"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("gap as U8");
    }

    @Test
    void placesArraysBeyondTwoGibibytes() {
        Shape large = new Shape(40_000, 40_000);
        FixedTensors source =
                new FixedTensors().put("a", large).put("b", large).put("c", new Shape(1));
        SafetensorsHeader header = SafetensorsHeader.of(source, FloatFormat.F32);
        assertThat(header.entries().get("c").begin()).isEqualTo(12_800_000_000L);
        header.check(12_800_000_004L);
    }

    /** Single quotes stand for double ones; eight bytes follow the header. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "[]                                                              | not JSON",
                "{'a':1}                                                         | not JSON",
                "{'a':                                                           | not JSON",
                "{} {}                                                           | not JSON",
                "{'a':{'dtype':'F32','shape':[2.5],'data_offsets':[0,8]}}        | not JSON",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,'x']}}        | not JSON",
                "{'a':{'shape':[2],'data_offsets':[0,8]}}                        | a lacks one of",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0]}}            | a lacks one of",
                "{'a':{'dtype':'F33','shape':[2],'data_offsets':[0,8]}}          | F33 is not known",
                "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}}         | negative",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}         | negative",
                "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}          | 12 bytes",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}          | 8 bytes",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}          | file has 8",
                "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,12]}}         | was cut off",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}          | leaves a gap",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[9223372036854775799,"
                        + "9223372036854775807]}}                                | leaves a gap",
                "{'a':{'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,8]}}"
                        + "                                                      | overflow",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
                        + "'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | overlaps",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
                        + "'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | two arrays named",
            })
    void refusesBadHeaders(String json, String message) throws IOException {
        Files.write(path, header(json.strip()).array());
        Files.write(path, new byte[8], StandardOpenOption.APPEND);
        refuses(message);
    }

    @Test
    void saysThatAHeaderIsPaddedWrongly() throws IOException {
        Files.write(path, header("{}\0\0\0\0\0\0").array());
        refuses("padded with NUL bytes where the format has spaces");
    }

    @Test
    void refusesHeadersThatCannotBe() throws IOException {
        Files.write(path, new byte[] {1, 2, 3});
        refuses("ends early");
        Files.write(path, longs(-1, 0));
        refuses("18446744073709551615 bytes");
        Files.write(path, longs(9, 0));
        refuses("9 bytes, but 8 are left");
        Files.write(path, longs(8, -1)); // no UTF-8
        refuses("not JSON");
        try (FileChannel channel =
                FileChannel.open(
                        path, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(longs(100_000_001)));
            channel.write(ByteBuffer.wrap(new byte[1]), 200_000_000);
        }
        refuses("100000000 are the most");
    }

    @Test
    void aFileThatShrinksAfterwardsIsAClearError() throws IOException {
        SafetensorsWriter.write(
                path, new FixedTensors().put("a", new Shape(2), 1, 2), FloatFormat.F32, Map.of());
        SafetensorsFile file = SafetensorsFile.open(path);
        byte[] bytes = Files.readAllBytes(path);
        Files.write(path, java.util.Arrays.copyOf(bytes, bytes.length - 1));
        assertThatThrownBy(() -> file.read("a")).hasMessageContaining("Cannot read a from");
        refuses("was cut off");
    }

    private void refuses(String message) {
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(path + " is not a safetensors file: ")
                .hasMessageContaining(message);
    }

    private static ByteBuffer header(String json) {
        byte[] text = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        return littleEndian(8 + text.length).putLong(text.length).put(text).flip();
    }

    private static byte[] longs(long... values) {
        ByteBuffer buffer = littleEndian(values.length * Long.BYTES);
        for (long value : values) {
            buffer.putLong(value);
        }
        return buffer.array();
    }

    private static ByteBuffer floats(float... values) {
        ByteBuffer buffer = littleEndian(values.length * Float.BYTES);
        for (float value : values) {
            buffer.putFloat(value);
        }
        return buffer.flip();
    }

    private static ByteBuffer littleEndian(int length) {
        return ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    }
}

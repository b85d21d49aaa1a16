package io.github.djlspectral.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {

    @TempDir private Path directory;
    private Path path;

    @BeforeEach
    void setUp() {
        path = directory.resolve("model.safetensors");
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64"})
    void readsTheFloatsThatAreWritten(DataType type) throws IOException {
        float[] many = new float[(1 << 20) + 1]; // more than a piece
        for (int i = 0; i < many.length; i++) {
            many[i] = i % 127 - 63;
        }
        new SafetensorsWriter(Map.of("format", "pt"))
                .add("scalar", new Shape(), type, () -> new float[] {1.5f})
                .add("empty", new Shape(0, 3), type, () -> new float[0])
                .add("large", new Shape(many.length), type, () -> many)
                .add("matrix", new Shape(2, 2), type, () -> new float[] {1, -2, 3, -0f})
                .write(path);
        Safetensors file = Safetensors.open(path);
        assertThat(file.names()).containsExactly("scalar", "empty", "large", "matrix");
        assertThat(file.type("scalar")).isEqualTo(type.asSafetensors());
        assertThat(file.shape("scalar")).isEqualTo(new Shape());
        assertThat(file.shape("empty")).isEqualTo(new Shape(0, 3));
        assertThat(file.read("scalar")).containsExactly(1.5f);
        assertThat(file.read("empty")).isEmpty();
        assertThat(file.read("large")).isEqualTo(many);
        assertThat(file.read("matrix")).containsExactly(1, -2, 3, -0f);
        assertThat(file.metadata()).containsEntry("format", "pt");
        assertThat(file.verify()).isTrue();
        assertThat(Files.readAllBytes(path)[0] % 8).as("aligned").isZero();
    }

    @ParameterizedTest
    @EnumSource(
            names = {"FLOAT32", "FLOAT64", "FLOAT16", "INT64", "INT32", "INT8", "UINT8", "BOOLEAN"})
    void arraysOfDjlKeepTheirTypeAndTheirBits(DataType type) throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray numbers = manager.arange(5).toType(type, true).reshape(5, 1);
            NDArray large =
                    manager.arange(3 * (1 << 20) - 3).mod(3).toType(type, true).reshape(3, -1);
            new SafetensorsWriter(Map.of())
                    .add("transposed", numbers.transpose())
                    .add("scalar", large.get(0, 0))
                    .add("large", large)
                    .add("empty", manager.create(new Shape(2, 0), type))
                    .write(path);
            Safetensors file = Safetensors.open(path);
            assertThat(file.verify()).isTrue();
            NDArray read = file.read(manager, "transposed");
            assertThat(read.getDataType()).isEqualTo(type);
            assertThat(read).isEqualTo(numbers.reshape(1, 5));
            assertThat(file.read(manager, "scalar").getShape()).isEqualTo(new Shape());
            int before = large.getManager().getManagedArrays().size();
            assertThat(file.read(large.getManager(), "large").contentEquals(large)).isTrue();
            assertThat(large.getManager().getManagedArrays()).hasSize(before + 1);
            assertThat(file.read(manager, "empty").getShape()).isEqualTo(new Shape(2, 0));
        }
    }

    /** What {@code safetensors.torch.save} gives for three arrays; they are sorted by type. */
    @Test
    void readsWhatPythonWrites() throws IOException {
        String json =
                "{'__metadata__':{'note':'from Python'},"
                        + "'i':{'dtype':'I64','shape':[2],'data_offsets':[0,16]},"
                        + "'m':{'dtype':'BF16','shape':[2,2],'data_offsets':[16,24]},"
                        + "'b':{'dtype':'BOOL','shape':[3],'data_offsets':[24,27]}} ";
        Files.write(path, header(json).array());
        byte[] data =
                HexFormat.of().parseHex("0700000000000000f8ffffffffffffff803f00c04040003f010001");
        Files.write(path, data, StandardOpenOption.APPEND);
        Safetensors file = Safetensors.open(path);
        assertThat(file.metadata()).containsExactly(Map.entry("note", "from Python"));
        assertThat(file.verify()).as("has a checksum").isFalse();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            assertThat(file.read(manager, "i").toLongArray()).containsExactly(7, -8);
            assertThat(file.read(manager, "b").toBooleanArray()).containsExactly(true, false, true);
            assertThat(file.read(manager, "m"))
                    .isEqualTo(manager.create(new float[] {1, -2, 3, .5f}, new Shape(2, 2)));
        }
        assertThatThrownBy(() -> file.read("i"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("a Java array of floats cannot hold I64 (2)");
    }

    /** Python's library reads exactly these bytes. */
    @Test
    void theFormatIsThisToTheByte() throws IOException {
        new SafetensorsWriter(Map.of("note", "a=\"b\""))
                .add("x", new Shape(3), DataType.FLOAT16, () -> new float[] {1, -2, 65504})
                .add("y", new Shape(), DataType.FLOAT32, () -> new float[] {.5f})
                .write(path);
        ByteBuffer header =
                header(
                        "{'__metadata__':{'crc32c':'7a638160','note':'a=\\'b\\''},"
                                + "'x':{'dtype':'F16','shape':[3],'data_offsets':[0,6]},"
                                + "'y':{'dtype':'F32','shape':[],'data_offsets':[6,10]}}       ");
        HexFormat hexadecimal = HexFormat.of();
        assertThat(hexadecimal.formatHex(Files.readAllBytes(path)))
                .isEqualTo(
                        hexadecimal.formatHex(header.array())
                                + "003c"
                                + "00c0"
                                + "ff7b"
                                + "0000003f");
    }

    /** Equal files for equal notes, also if they were copied from another file. */
    @Test
    void notesAreSortedAndTheChecksumIsTheFilesOwn() throws IOException {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("\u00fc", "\u00e9");
        notes.put("crc32c", "01234567");
        notes.put("a", "b");
        new SafetensorsWriter(notes)
                .add("\u00df", new Shape(1), DataType.FLOAT32, () -> new float[] {1})
                .write(path);
        Safetensors file = Safetensors.open(path);
        assertThat(file.verify()).isTrue();
        assertThat(file.read("\u00df")).containsExactly(1);
        assertThat(Files.readString(path, StandardCharsets.ISO_8859_1))
                .containsPattern("\"crc32c\":\"[0-9a-f]{8}\",\"a\":\"b\",\"\u00c3\u00bc\":");
    }

    @Test
    void aChangedByteIsFound() throws IOException {
        new SafetensorsWriter(Map.of("note", "n"))
                .add("x", new Shape(300), DataType.FLOAT32, () -> new float[300])
                .write(path);
        byte[] bytes = Files.readAllBytes(path);
        for (int at = 0; at < bytes.length; at += 7) {
            byte[] damaged = bytes.clone();
            damaged[at] ^= 1;
            Files.write(path, damaged);
            assertThatThrownBy(() -> assertThat(Safetensors.open(path).verify()).isTrue())
                    .as("byte %s", at)
                    .isInstanceOfAny(IOException.class, AssertionError.class);
        }
    }

    @Test
    void refusesWhatCannotBeWrittenAndKeepsTheOldFile() throws IOException {
        Files.writeString(path, "old");
        SafetensorsWriter writer =
                new SafetensorsWriter(Map.of())
                        .add("a", new Shape(2), DataType.FLOAT16, () -> new float[] {1, 1e5f});
        assertThatThrownBy(() -> writer.write(path))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("Cannot write a: 100000.0 is too large for F16, try BF16");
        assertThatThrownBy(() -> writer.add("a", new Shape(1), DataType.FLOAT32, () -> null))
                .hasMessage("two arrays are named a");
        assertThatThrownBy(() -> writer.add("b", new Shape(1), DataType.INT32, () -> null))
                .hasMessage("b cannot be stored as int32");
        SafetensorsWriter wrong =
                new SafetensorsWriter(Map.of())
                        .add("a", new Shape(2), DataType.FLOAT32, () -> new float[3]);
        assertThatThrownBy(() -> wrong.write(path))
                .hasMessage("a has 3 numbers, but should have the shape (2)");
        assertThat(path).hasContent("old");
        assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void saysThatAPointerIsNoFile() throws IOException {
        Files.writeString(path, "version https://git-lfs.github.com/spec/v1\noid sha256:1\n");
        refuses("a Git LFS pointer to one: run 'git lfs pull'");
    }

    @Test
    void readsArraysBeyondTwoGibibytes() throws IOException {
        long far = 5L << 30;
        String json =
                "{'gap':{'dtype':'F16','shape':[%d],'data_offsets':[0,%d]},"
                        + "'far':{'dtype':'F32','shape':[2],'data_offsets':[%d,%d]}}";
        ByteBuffer header = header(String.format(Locale.ROOT, json, far / 2, far, far, far + 8));
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
        Safetensors file = Safetensors.open(path);
        assertThat(file.read("far")).containsExactly(3, 4);
        assertThat(file.shape("gap")).isEqualTo(new Shape(far / 2));
        assertThatThrownBy(() -> file.read("gap"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("a Java array of floats cannot hold F16 (" + far / 2 + ")");
    }

    /** Single quotes stand for double ones; eight bytes follow the header. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "[]                                                              | not JSON",
                "{'a':1}                                                         | not JSON",
                "{'a':                                                           | a needs dtype, shape",
                "{} {}                                                           | not JSON",
                "{'a':{'dtype':'F32','shape':[2.5],'data_offsets':[0,8]}}        | not JSON",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,'x']}}        | not JSON",
                "{'a':{'shape':[2],'data_offsets':[0,8]}}                        | a needs dtype, shape",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0]}}            | a needs dtype, shape",
                "{'a':{'dtype':'F33','shape':[2],'data_offsets':[0,8]}}          | dataType: F33",
                "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}}         | none < 0",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}         | none < 0",
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
        byte[] latin = header("{'__metadata__':{'note':'?'}}").array();
        latin[latin.length - 4] = (byte) 0xe9; // an e with an accent, but not in UTF-8
        Files.write(path, latin);
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
        new SafetensorsWriter(Map.of())
                .add("a", new Shape(2), DataType.FLOAT32, () -> new float[] {1, 2})
                .write(path);
        Safetensors file = Safetensors.open(path);
        byte[] bytes = Files.readAllBytes(path);
        Files.write(path, java.util.Arrays.copyOf(bytes, bytes.length - 1));
        assertThatThrownBy(() -> file.read("a")).hasMessageContaining("Cannot read a from");
        refuses("was cut off");
    }

    private void refuses(String message) {
        assertThatThrownBy(() -> Safetensors.open(path))
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

package io.github.djlspectral.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FloatsTest {

    private static final int HALVES = 1 << 16;

    @Test
    void everyHalfIsWhatItsBitsSay() throws IOException {
        for (int bits = 0; bits < HALVES; bits++) {
            int exponent = bits >> 10 & 31;
            double fraction = (bits & 1023) / 1024.0;
            double expected =
                    exponent == 0
                            ? fraction * Math.pow(2, -14)
                            : (1 + fraction) * Math.pow(2, exponent - 15);
            if (exponent == 31) {
                expected = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
            }
            float value = decode(DataType.FLOAT16, bits);
            assertThat((double) value)
                    .as("%04x", bits)
                    .isEqualTo(Double.valueOf(bits >= HALVES / 2 ? -expected : expected));
        }
    }

    @Test
    void bfloat16IsTheUpperHalfOfSinglePrecision() throws IOException {
        for (int bits = 0; bits < HALVES; bits++) {
            float value = decode(DataType.BFLOAT16, bits);
            assertThat(Float.floatToRawIntBits(value)).isEqualTo(bits << 16);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16"})
    void writingGivesTheSameBitsAgain(DataType format) throws IOException {
        for (int bits = 0; bits < HALVES; bits++) {
            float value = decode(format, bits);
            if (!Float.isNaN(value)) {
                assertThat(encode(format, value)).as("%04x", bits).isEqualTo(bits);
            }
        }
        assertThat(decode(format, encode(format, Float.intBitsToFloat(0x7f800001)))).isNaN();
    }

    /** The middle between two neighbours goes to the even one, all else to the nearer one. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16"})
    void roundsToTheNearestAndTiesToEven(DataType format) throws IOException {
        int largest = format == DataType.FLOAT16 ? 0x7bff : 0x7f7f;
        for (int bits = 0; bits < largest; bits++) {
            float lower = decode(format, bits);
            float upper = decode(format, bits + 1);
            float middle = (float) (((double) lower + upper) / 2); // exact
            int even = bits + (bits & 1);
            assertThat(encode(format, middle)).as("%04x", bits).isEqualTo(even);
            assertThat(encode(format, Math.nextDown(middle))).isEqualTo(bits);
            assertThat(encode(format, -Math.nextUp(middle))).isEqualTo(bits + 1 | HALVES / 2);
        }
    }

    @Test
    void refusesWhatWouldBecomeInfinite() throws IOException {
        assertThat(encode(DataType.FLOAT16, 65519)).isEqualTo(0x7bff);
        assertThatThrownBy(() -> encode(DataType.FLOAT16, -65520))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("-65520.0 is too large for F16");
        assertThat(encode(DataType.FLOAT16, Float.NEGATIVE_INFINITY)).isEqualTo(0xfc00);
        assertThat(encode(DataType.BFLOAT16, Float.POSITIVE_INFINITY)).isEqualTo(0x7f80);
        assertThatThrownBy(() -> encode(DataType.BFLOAT16, Float.MAX_VALUE))
                .hasMessageContaining("3.4028234663852886E38 is too large for BF16");
    }

    @ParameterizedTest
    @CsvSource({"00000000", "80000000", "00000001", "7f800001", "ffc12345", "7f7fffff", "3f800001"})
    void singlePrecisionKeepsEveryBit(String hexadecimal) throws IOException {
        int bits = Integer.parseUnsignedInt(hexadecimal, 16);
        float value = Floats.decode(DataType.FLOAT32, buffer().putInt(bits).flip());
        ByteBuffer buffer = buffer();
        Floats.encode(DataType.FLOAT32, value, buffer);
        assertThat(buffer.flip().getInt()).isEqualTo(bits);
    }

    @ParameterizedTest
    @CsvSource({"0.1, 0.1", "-1e-300, -0", "3.4028235e38, 3.4028235e38", "NaN, NaN"})
    void doublePrecisionIsRoundedToSingle(double number, float expected) throws IOException {
        assertThat(Floats.decode(DataType.FLOAT64, buffer().putDouble(number).flip()))
                .isEqualTo(Float.valueOf(expected));
        assertThatThrownBy(() -> Floats.decode(DataType.FLOAT64, buffer().putDouble(-1e39).flip()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("-1.0E39 is too large for F32");
    }

    private static float decode(DataType format, int bits) throws IOException {
        return Floats.decode(format, buffer().putShort((short) bits).flip());
    }

    private static int encode(DataType format, float value) throws IOException {
        ByteBuffer buffer = buffer();
        Floats.encode(format, value, buffer);
        return Short.toUnsignedInt(buffer.flip().getShort());
    }

    private static ByteBuffer buffer() {
        return ByteBuffer.allocate(Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }
}

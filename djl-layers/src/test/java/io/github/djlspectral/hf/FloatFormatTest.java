package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FloatFormatTest {

    private static final int HALVES = 1 << 16;

    @Test
    void everyHalfIsWhatItsBitsSay() {
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
            float value = decode(FloatFormat.F16, bits);
            assertThat((double) value)
                    .as("%04x", bits)
                    .isEqualTo(Double.valueOf(bits >= HALVES / 2 ? -expected : expected));
        }
    }

    @Test
    void bfloat16IsTheUpperHalfOfSinglePrecision() {
        for (int bits = 0; bits < HALVES; bits++) {
            float value = decode(FloatFormat.BF16, bits);
            assertThat(Float.floatToRawIntBits(value)).isEqualTo(bits << 16);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = FloatFormat.class,
            names = {"F32", "F64"},
            mode = EnumSource.Mode.EXCLUDE)
    void writingGivesTheSameBitsAgain(FloatFormat format) {
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
    @EnumSource(
            value = FloatFormat.class,
            names = {"F32", "F64"},
            mode = EnumSource.Mode.EXCLUDE)
    void roundsToTheNearestAndTiesToEven(FloatFormat format) {
        int largest = format == FloatFormat.F16 ? 0x7bff : 0x7f7f;
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
    void refusesWhatWouldBecomeInfinite() {
        assertThat(encode(FloatFormat.F16, 65519)).isEqualTo(0x7bff);
        assertThatThrownBy(() -> encode(FloatFormat.F16, -65520))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("-65520.0 is too large for F16");
    }

    @ParameterizedTest
    @CsvSource({"00000000", "80000000", "00000001", "7f800001", "ffc12345", "7f7fffff", "3f800001"})
    void singlePrecisionKeepsEveryBit(String hexadecimal) {
        int bits = Integer.parseUnsignedInt(hexadecimal, 16);
        ByteBuffer buffer = buffer().putInt(bits).flip();
        float[] values = new float[1];
        FloatFormat.F32.decode(buffer, values, 0, 1);
        buffer.clear();
        FloatFormat.F32.encode(values, 0, 1, buffer);
        assertThat(buffer.flip().getInt()).isEqualTo(bits);
    }

    @Test
    void doublePrecisionIsRoundedToSingle() {
        double[] numbers = {0.1, -1e-300, 3.4028235e38, Double.NEGATIVE_INFINITY, Double.NaN};
        ByteBuffer buffer = ByteBuffer.allocate(8 * 5).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asDoubleBuffer().put(numbers);
        float[] values = new float[5];
        FloatFormat.F64.decode(buffer, values, 0, 5);
        assertThat(values)
                .containsExactly(0.1f, -0f, Float.MAX_VALUE, Float.NEGATIVE_INFINITY, Float.NaN);
        buffer.clear().putDouble(-1e39).clear();
        assertThatThrownBy(() -> FloatFormat.F64.decode(buffer, values, 0, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("-1.0E39 is too large for F32");
    }

    private static float decode(FloatFormat format, int bits) {
        float[] values = new float[1];
        format.decode(buffer().putShort((short) bits).flip(), values, 0, 1);
        return values[0];
    }

    private static int encode(FloatFormat format, float value) {
        ByteBuffer buffer = buffer();
        format.encode(new float[] {value}, 0, 1, buffer);
        return Short.toUnsignedInt(buffer.flip().getShort());
    }

    private static ByteBuffer buffer() {
        return ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }
}

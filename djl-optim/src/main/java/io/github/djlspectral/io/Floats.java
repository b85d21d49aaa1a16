package io.github.djlspectral.io;

import ai.djl.ndarray.types.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;

/** Conversions between float32 and the floating-point types of files. */
final class Floats {

    static final Set<DataType> TYPES =
            EnumSet.of(DataType.FLOAT32, DataType.FLOAT64, DataType.FLOAT16, DataType.BFLOAT16);

    private static final int INFINITY = 0x7f800000;
    private static final int HALF_INFINITY = 0x7c00;
    private static final int BIAS_DIFFERENCE = 127 - 15 << 23;

    private Floats() {}

    /** Reads a number; float64 is rounded. */
    static float decode(DataType type, ByteBuffer bytes) throws IOException {
        return switch (type) {
            case FLOAT32 -> bytes.getFloat();
            case FLOAT64 -> fromDouble(bytes.getDouble());
            case FLOAT16 -> fromHalf(bytes.getShort());
            default -> Float.intBitsToFloat(bytes.getShort() << Short.SIZE);
        };
    }

    /** Writes a number, rounded to the nearest (ties to even). */
    static void encode(DataType type, float value, ByteBuffer bytes) throws IOException {
        switch (type) {
            case FLOAT32 -> bytes.putFloat(value);
            case FLOAT64 -> bytes.putDouble(value);
            case FLOAT16 -> bytes.putShort(toHalf(value));
            default -> bytes.putShort(toUpperHalf(value));
        }
    }

    private static float fromDouble(double value) throws IOException {
        refuse(value, Double.isFinite(value) && Float.isInfinite((float) value), "F32");
        return (float) value;
    }

    private static float fromHalf(short half) {
        int magnitude = half & 0x7fff;
        float absolute = magnitude * 0x1p-24f; // below the smallest normal number
        if (magnitude >= HALF_INFINITY) { // or NaN
            absolute = Float.intBitsToFloat(INFINITY | magnitude << 13);
        } else if (magnitude >= 1 << 10) {
            absolute = Float.intBitsToFloat((magnitude << 13) + BIAS_DIFFERENCE);
        }
        return half < 0 ? -absolute : absolute;
    }

    private static short toHalf(float value) throws IOException {
        float absolute = Math.abs(value);
        int half = HALF_INFINITY;
        if (Float.isNaN(value)) {
            half++;
        } else if (absolute < 0x1p-14f) {
            half = (int) Math.rint(absolute * 0x1p24);
        } else if (absolute < 65520) { // halfway from the largest to what would be the next
            half = rounded(Float.floatToRawIntBits(absolute) - BIAS_DIFFERENCE, 13);
        }
        refuse(value, Float.isFinite(value) && half == HALF_INFINITY, "F16, try BF16");
        return (short) (Float.floatToRawIntBits(value) >>> Short.SIZE & 0x8000 | half);
    }

    /** The upper half of single precision has its range, and 8 bits of precision. */
    private static short toUpperHalf(float value) throws IOException {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> Short.SIZE | 1 << 6); // rounding could make it infinite
        }
        int half = rounded(bits, Short.SIZE);
        boolean infinite = (half & 0x7fff) == INFINITY >>> Short.SIZE;
        refuse(value, Float.isFinite(value) && infinite, "BF16, try F32");
        return (short) half;
    }

    /** Drops the lowest bits; a carry into the exponent is as it should. */
    private static int rounded(int bits, int count) {
        return bits + (1 << count - 1) - 1 + (bits >>> count & 1) >>> count;
    }

    private static void refuse(double value, boolean overflows, String type) throws IOException {
        if (overflows) {
            throw new IOException(value + " is too large for " + type);
        }
    }
}

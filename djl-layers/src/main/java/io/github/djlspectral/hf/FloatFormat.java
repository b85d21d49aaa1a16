package io.github.djlspectral.hf;

import io.github.djlspectral.text.BadInputException;
import java.nio.ByteBuffer;

/** The floating-point formats of a checkpoint, under the names that safetensors gives them. */
public enum FloatFormat {
    /** IEEE 754 single precision. */
    F32(Float.BYTES, "float32") {
        @Override
        void decode(ByteBuffer bytes, float[] values, int from, int count) {
            bytes.asFloatBuffer().get(values, from, count);
        }

        @Override
        void encode(float[] values, int from, int count, ByteBuffer bytes) {
            bytes.asFloatBuffer().put(values, from, count);
            bytes.position(bytes.position() + count * Float.BYTES);
        }
    },

    /** IEEE 754 double precision, rounded to single. */
    F64(Double.BYTES, "float64") {
        @Override
        void decode(ByteBuffer bytes, float[] values, int from, int count) {
            for (int i = 0; i < count; i++) {
                double value = bytes.getDouble();
                values[from + i] = (float) value;
                if (Float.isInfinite(values[from + i]) && !Double.isInfinite(value)) {
                    throw new BadInputException(
                            value + " is too large for F32, in which models are computed");
                }
            }
        }

        @Override
        void encode(float[] values, int from, int count, ByteBuffer bytes) {
            for (int i = 0; i < count; i++) {
                bytes.putDouble(values[from + i]);
            }
        }
    },

    /** IEEE 754 half precision: 11 bits of precision, up to 65504. */
    F16(Short.BYTES, "float16") {
        @Override
        void decode(ByteBuffer bytes, float[] values, int from, int count) {
            for (int i = 0; i < count; i++) {
                values[from + i] = fromHalf(bytes.getShort());
            }
        }

        @Override
        void encode(float[] values, int from, int count, ByteBuffer bytes) {
            for (int i = 0; i < count; i++) {
                bytes.putShort(toHalf(values[from + i]));
            }
        }
    },

    /** The upper half of single precision: its range, 8 bits of precision. */
    BF16(Short.BYTES, "bfloat16") {
        @Override
        void decode(ByteBuffer bytes, float[] values, int from, int count) {
            for (int i = 0; i < count; i++) {
                values[from + i] = Float.intBitsToFloat(bytes.getShort() << Short.SIZE);
            }
        }

        @Override
        void encode(float[] values, int from, int count, ByteBuffer bytes) {
            for (int i = 0; i < count; i++) {
                bytes.putShort(toUpperHalf(values[from + i]));
            }
        }
    };

    private static final int INFINITY = 0x7f800000;
    private static final int HALF_INFINITY = 0x7c00;
    private static final int HALF_NAN = 0x7e00;
    private static final int HALF_SIGN = 0x8000;

    /** Half the distance above 65504, the largest number: from here on the nearest is infinity. */
    private static final float HALF_OVERFLOW = 65520;

    /** The smallest normal number; below it, numbers are multiples of 2^-24. */
    private static final float HALF_NORMAL = 0x1p-14f;

    private static final int DROPPED_BITS = 13;
    private static final int BIAS_DIFFERENCE = (127 - 15) << 23;

    private final int bytes;
    private final String torchName;

    FloatFormat(int bytes, String torchName) {
        this.bytes = bytes;
        this.torchName = torchName;
    }

    /** Returns PyTorch's name of the format. */
    String torchName() {
        return torchName;
    }

    /** Returns the bytes of a number. */
    int bytes() {
        return bytes;
    }

    /** Reads numbers from the position of a little-endian buffer; F64 is rounded to float32. */
    abstract void decode(ByteBuffer bytes, float[] values, int from, int count);

    /**
     * Writes numbers, rounded to the nearest (ties to even), to a little-endian buffer.
     *
     * @throws BadInputException if a number is finite, but would not be in this format
     */
    abstract void encode(float[] values, int from, int count, ByteBuffer bytes);

    private static float fromHalf(short half) {
        int sign = (half & HALF_SIGN) << Short.SIZE;
        int magnitude = half & ~HALF_SIGN & 0xffff;
        if (magnitude >= HALF_INFINITY) {
            int payload = (magnitude - HALF_INFINITY) << DROPPED_BITS;
            return Float.intBitsToFloat(sign | INFINITY | payload);
        }
        int smallestNormal = 1 << 10;
        int bits =
                magnitude < smallestNormal
                        ? Float.floatToRawIntBits(magnitude * 0x1p-24f)
                        : (magnitude << DROPPED_BITS) + BIAS_DIFFERENCE;
        return Float.intBitsToFloat(sign | bits);
    }

    private static short toHalf(float value) {
        int bits = Float.floatToRawIntBits(value);
        float absolute = Math.abs(value);
        int half;
        if (Float.isNaN(value)) {
            half = HALF_NAN;
        } else if (absolute == Float.POSITIVE_INFINITY) {
            half = HALF_INFINITY;
        } else if (absolute >= HALF_OVERFLOW) {
            throw new BadInputException(
                    value + " is too large for F16, which ends at 65504: use F32 or BF16");
        } else if (absolute < HALF_NORMAL) {
            half = (int) Math.rint(absolute * 0x1p24);
        } else {
            half = dropped((bits & ~Integer.MIN_VALUE) - BIAS_DIFFERENCE, DROPPED_BITS);
        }
        return (short) (bits >>> Short.SIZE & HALF_SIGN | half);
    }

    private static short toUpperHalf(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> Short.SIZE | 1 << 6); // rounding could make it infinite
        }
        int sign = bits >>> Short.SIZE & HALF_SIGN;
        return (short) (sign | dropped(bits & ~Integer.MIN_VALUE, Short.SIZE));
    }

    /** Drops the lowest bits of a number's magnitude; a carry into the exponent is as it should. */
    private static int dropped(int magnitude, int count) {
        int odd = magnitude >>> count & 1;
        return magnitude + (1 << (count - 1)) - 1 + odd >>> count;
    }
}

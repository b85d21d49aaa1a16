package io.github.djlspectral.hf;

/**
 * GPT-2's way of writing bytes as visible characters: those that are visible in Latin-1 stand for
 * themselves, the others for the characters from U+0100 on, in order.
 */
final class ByteAlphabet {

    private static final int BYTES = 256;
    private static final char[] CHARACTERS = characters();

    private ByteAlphabet() {}

    private static char[] characters() {
        char[] characters = new char[BYTES];
        char next = BYTES;
        for (int b = 0; b < BYTES; b++) {
            boolean visible = b >= '!' && b <= '~' || b >= '\u00a1' && b != '\u00ad';
            characters[b] = visible ? (char) b : next++;
        }
        return characters;
    }

    /** Returns bytes as visible characters, one each. */
    static String encode(byte[] bytes, int from, int to) {
        StringBuilder text = new StringBuilder(to - from);
        for (int i = from; i < to; i++) {
            text.append(CHARACTERS[Byte.toUnsignedInt(bytes[i])]);
        }
        return text.toString();
    }
}

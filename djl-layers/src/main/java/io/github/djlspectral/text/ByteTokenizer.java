package io.github.djlspectral.text;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The bytes of UTF-8 as tokens: any text, a vocabulary of 256. */
public final class ByteTokenizer extends Tokenizer {

    /** Creates the tokenizer. */
    public ByteTokenizer() {
        this(List.of());
    }

    ByteTokenizer(List<Integer> endOfText) {
        super(Tokenization.BYTES, 1 << Byte.SIZE, endOfText);
    }

    @Override
    int[] tokens(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] tokens = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            tokens[i] = Byte.toUnsignedInt(bytes[i]);
        }
        return tokens;
    }

    @Override
    String text(int[] tokens) {
        byte[] bytes = new byte[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            bytes[i] = (byte) tokens[i];
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }
}

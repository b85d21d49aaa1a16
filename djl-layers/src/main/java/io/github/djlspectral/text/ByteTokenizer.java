package io.github.djlspectral.text;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** The bytes of UTF-8 as tokens: any text, a vocabulary of 256. */
public final class ByteTokenizer implements Tokenizer {

    private static final int VOCAB_SIZE = 256;

    private final List<Integer> endOfText;

    /** Creates the tokenizer. */
    public ByteTokenizer() {
        this(List.of());
    }

    ByteTokenizer(List<Integer> endOfText) {
        this.endOfText = endOfText;
    }

    @Override
    public int[] encode(String text) {
        TokenizerJson.requireCharacters(text);
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] tokens = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            tokens[i] = Byte.toUnsignedInt(bytes[i]);
        }
        return tokens;
    }

    @Override
    public String decode(int[] tokens) {
        byte[] bytes = new byte[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            TokenizerJson.requireToken(tokens[i], VOCAB_SIZE);
            bytes[i] = (byte) tokens[i];
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    public int vocabSize() {
        return VOCAB_SIZE;
    }

    @Override
    public List<Integer> endOfText() {
        return endOfText;
    }

    @Override
    public String name() {
        return Tokenization.BYTES.toString();
    }
}

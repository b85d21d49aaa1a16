package io.github.djlspectral.text;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.ArrayList;
import java.util.List;

/** GPT-2's byte pair encoding: any text, a vocabulary of 50257. */
public final class Gpt2Tokenizer implements Tokenizer {

    /** The token that separates documents. */
    public static final int END_OF_TEXT = 50256;

    /** What {@link #END_OF_TEXT} is written as. */
    public static final String END_OF_TEXT_MARK = "<|endoftext|>";

    static final List<Integer> ENDS = List.of(END_OF_TEXT);

    private static final int VOCAB_SIZE = END_OF_TEXT + 1;
    private static final int CHUNK_LENGTH = 1 << 18;

    private final Tokenization tokenization;
    private final List<Integer> endOfText;

    /** Creates the tokenizer. Its tables are read on first use. */
    public Gpt2Tokenizer() {
        this(Tokenization.GPT2, ENDS);
    }

    Gpt2Tokenizer(Tokenization tokenization, List<Integer> endOfText) {
        this.tokenization = tokenization;
        this.endOfText = endOfText;
    }

    /** Encodes chunks in parallel; the result does not depend on where the chunks end. */
    @Override
    public int[] encode(String text) {
        TokenizerJson.requireCharacters(text);
        List<int[]> chunks =
                chunks(text).parallelStream()
                        .map(
                                chunk ->
                                        chunk.isEmpty()
                                                ? new int[] {END_OF_TEXT}
                                                : Tables.R50K.encodeOrdinary(chunk).toArray())
                        .toList();
        int[] tokens = new int[chunks.stream().mapToInt(chunk -> chunk.length).sum()];
        int end = 0;
        for (int[] chunk : chunks) {
            System.arraycopy(chunk, 0, tokens, end, chunk.length);
            end += chunk.length;
        }
        return tokens;
    }

    /** Returns what is encoded by itself; an empty string stands for the end of a document. */
    private List<String> chunks(String text) {
        List<String> chunks = new ArrayList<>();
        int start = 0;
        int mark = separated() ? text.indexOf(END_OF_TEXT_MARK) : -1;
        while (mark >= 0) {
            addChunks(text.substring(start, mark), chunks);
            chunks.add("");
            start = mark + END_OF_TEXT_MARK.length();
            mark = text.indexOf(END_OF_TEXT_MARK, start);
        }
        addChunks(text.substring(start), chunks);
        return chunks;
    }

    /** Tells whether {@link #END_OF_TEXT_MARK} in a text is a token, not what it consists of. */
    boolean separated() {
        return tokenization == Tokenization.GPT2_EOT;
    }

    private static void addChunks(String text, List<String> chunks) {
        int start = 0;
        while (start < text.length()) {
            int end = start + Math.min(CHUNK_LENGTH, text.length() - start);
            while (end < text.length() && !isWordEnd(text, end)) {
                end++;
            }
            chunks.add(text.substring(start, end));
            start = end;
        }
    }

    /**
     * GPT-2 first cuts text into words, and none has whitespace after anything else, so a cut
     * before a newline that follows a visible character separates two words.
     */
    private static boolean isWordEnd(String text, int index) {
        char before = text.charAt(index - 1);
        return text.charAt(index) == '\n' && before > ' ' && before <= '~';
    }

    @Override
    public String decode(int[] tokens) {
        IntArrayList list = new IntArrayList(tokens.length);
        for (int token : tokens) {
            TokenizerJson.requireToken(token, VOCAB_SIZE);
            list.add(token);
        }
        return Tables.R50K.decode(list);
    }

    /**
     * Returns the bytes of a token, which need not be whole characters.
     *
     * @param token a token's number, in [0, {@link #vocabSize})
     * @return UTF-8, or a part of it
     * @throws IllegalArgumentException if the token is outside the vocabulary
     */
    public byte[] bytes(int token) {
        TokenizerJson.requireToken(token, VOCAB_SIZE);
        IntArrayList list = new IntArrayList(1);
        list.add(token);
        return Tables.R50K.decodeBytes(list);
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
        return tokenization.toString();
    }

    /** Holds the encoding so that it is read once, and only when needed. */
    private static final class Tables {
        static final Encoding R50K =
                Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    }
}

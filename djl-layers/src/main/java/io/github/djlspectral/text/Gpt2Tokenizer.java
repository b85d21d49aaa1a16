package io.github.djlspectral.text;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** GPT-2's byte pair encoding: any text, a vocabulary of 50257. */
public final class Gpt2Tokenizer extends Tokenizer {

    /** The token that separates documents. */
    public static final int END_OF_TEXT = 50256;

    /** What {@link #END_OF_TEXT} is written as. */
    public static final String END_OF_TEXT_MARK = "<|endoftext|>";

    static final List<Integer> ENDS = List.of(END_OF_TEXT);

    private static final int CHUNK_LENGTH = 1 << 18;

    /** Creates the tokenizer. Its tables are read on first use. */
    public Gpt2Tokenizer() {
        this(Tokenization.GPT2, ENDS);
    }

    Gpt2Tokenizer(Tokenization tokenization, List<Integer> endOfText) {
        super(tokenization, END_OF_TEXT + 1, endOfText);
    }

    /** Encodes chunks in parallel; the result does not depend on where the chunks end. */
    @Override
    int[] tokens(String text) {
        boolean separated = tokenization == Tokenization.GPT2_EOT;
        String mark = Pattern.quote(END_OF_TEXT_MARK);
        List<String> chunks = new ArrayList<>();
        for (String document : separated ? text.split(mark, -1) : new String[] {text}) {
            addChunks(document, chunks);
            chunks.add(""); // stands for the mark
        }
        chunks.remove(chunks.size() - 1);
        return chunks.parallelStream()
                .map(Gpt2Tokenizer::chunk)
                .flatMapToInt(Arrays::stream)
                .toArray();
    }

    private static int[] chunk(String chunk) {
        return chunk.isEmpty()
                ? new int[] {END_OF_TEXT}
                : Tables.R50K.encodeOrdinary(chunk).toArray();
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
    String text(int[] tokens) {
        return Tables.R50K.decode(list(tokens));
    }

    /**
     * {@return the bytes of a token, UTF-8 or a part of it}
     *
     * @param token a token's number, in [0, {@link #vocabSize})
     * @throws BadInputException if the token is outside the vocabulary
     */
    public byte[] bytes(int token) {
        requireToken(token);
        return Tables.R50K.decodeBytes(list(token));
    }

    private static IntArrayList list(int... tokens) {
        IntArrayList list = new IntArrayList(tokens.length);
        Arrays.stream(tokens).forEach(list::add);
        return list;
    }

    /** Holds the encoding so that it is read once, and only when needed. */
    private static final class Tables {
        static final Encoding R50K =
                Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    }
}

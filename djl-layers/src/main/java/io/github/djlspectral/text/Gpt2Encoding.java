package io.github.djlspectral.text;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** GPT-2's byte pair encoding, whose tables are read on first use. */
final class Gpt2Encoding {

    private static final int CHUNK_LENGTH = 1 << 18;
    private static final Encoding R50K =
            Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);

    private Gpt2Encoding() {}

    /** Encodes chunks in parallel; the result does not depend on where the chunks end. */
    static int[] tokens(String text, boolean separated) {
        String mark = Pattern.quote(Tokenizer.END_OF_TEXT_MARK);
        List<String> chunks = new ArrayList<>();
        for (String document : separated ? text.split(mark, -1) : new String[] {text}) {
            addChunks(document, chunks);
            chunks.add(""); // stands for the mark
        }
        chunks.remove(chunks.size() - 1);
        return chunks.parallelStream()
                .map(Gpt2Encoding::chunk)
                .flatMapToInt(Arrays::stream)
                .toArray();
    }

    private static int[] chunk(String chunk) {
        int[] mark = {Tokenizer.END_OF_TEXT};
        return chunk.isEmpty() ? mark : R50K.encodeOrdinary(chunk).toArray();
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

    static byte[] bytes(int token) {
        IntArrayList one = new IntArrayList(1);
        one.add(token);
        return R50K.decodeBytes(one);
    }
}

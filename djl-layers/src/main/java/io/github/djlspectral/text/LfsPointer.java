package io.github.djlspectral.text;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** What Git has in the place of a large file that was not downloaded with a repository. */
public final class LfsPointer {

    private static final ByteBuffer BEGINNING =
            StandardCharsets.US_ASCII.encode("version https://git-lfs.github.com/");

    private LfsPointer() {}

    /**
     * Fails if a file is a pointer.
     *
     * @param file the file, for the message
     * @param bytes its beginning, from the buffer's first byte to its limit
     * @throws BadInputException if it is
     */
    public static void refuse(Path file, ByteBuffer bytes) {
        boolean pointer =
                bytes.slice(0, Math.min(BEGINNING.limit(), bytes.limit())).equals(BEGINNING);
        String advice = "run 'git lfs pull' in its repository, or download the file";
        BadInputException.unless(
                !pointer, "%s is a Git LFS pointer, not the file itself: %s", file, advice);
    }
}

package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/** Decides whether a downloaded file is the expected one. */
@FunctionalInterface
interface FileCheck {

    /** Accepts any file, so a broken download cannot be told from a changed one. */
    FileCheck ANY = file -> Optional.empty();

    /** Accepts token shards with llm.c's header, whose length is as it says. */
    FileCheck TOKEN_SHARD =
            file -> {
                try (TokenShard shard = TokenShard.open(file, TokenShard.MAX_VOCAB_SIZE)) {
                    return shard.length() * Short.BYTES == Files.size(file)
                            ? Optional.of("it does not begin with the magic number of a shard")
                            : Optional.empty();
                } catch (BadInputException e) {
                    return Optional.of(e.getMessage());
                }
            };

    /** Says what is wrong with the file; empty if nothing is. */
    Optional<String> problem(Path file) throws IOException;

    static FileCheck sha256(String expected) {
        return file -> compare("SHA-256", expected, digest("SHA-256", "", file));
    }

    /** For files that were published with this checksum: against damage, not against malice. */
    static FileCheck md5(String expected) {
        return file -> compare("MD5", expected, digest("MD5", "", file));
    }

    /** The name git gives to a file's content. */
    static FileCheck gitBlob(String expected) {
        return file -> {
            String header = "blob " + Files.size(file) + "\0";
            return compare("git blob id", expected, digest("SHA-1", header, file));
        };
    }

    private static Optional<String> compare(String what, String expected, String actual) {
        return actual.equals(expected)
                ? Optional.empty()
                : Optional.of("its " + what + " is " + actual + " instead of " + expected);
    }

    private static String digest(String algorithm, String prefix, Path file) throws IOException {
        MessageDigest digest = newDigest(algorithm);
        digest.update(prefix.getBytes(StandardCharsets.UTF_8));
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[1 << 16];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Every Java platform has MD5, SHA-1 and SHA-256. */
    static MessageDigest newDigest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}

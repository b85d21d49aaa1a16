package io.github.djlspectral.zoo;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** The checksum of DJL's metadata. It tells damage; against malice there is https. */
final class Sha1 {

    private Sha1() {}

    static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-1", e);
        }
    }
}

package io.github.djlspectral.zoo;

import java.nio.file.Path;

/** Publishes, and loses its power halfway through the second file. */
final class HaltingProgram {

    static final int CODE = 3;

    private HaltingProgram() {}

    /** Publishes version 1.1.0 to the repository that the argument names. */
    public static void main(String[] args) {
        try (TinyModel model = new TinyModel(7)) {
            Publication.Content last =
                    out -> {
                        out.write(new byte[1 << 20]);
                        out.flush();
                        Runtime.getRuntime().halt(CODE);
                    };
            Publication publication = model.publication("1.1.0").optFile("last.bin", last).build();
            new Publisher(Path.of(args[0])).publish(publication);
        }
    }
}

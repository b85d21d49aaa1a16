package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.List;

/** Where a corpus comes from, found and complete on this machine. */
sealed interface Source {

    /** Names the source to people. */
    String name();

    /** Texts still to be tokenized; neither is empty. */
    record Text(String name, String train, String validation) implements Source {

        /** Holds out the last tenth of the characters, as nanoGPT does, for validation. */
        static Text split(String name, String text) {
            int cut = (int) (text.length() * 9L / 10);
            if (cut > 0 && Character.isHighSurrogate(text.charAt(cut - 1))) {
                cut--;
            }
            if (cut == 0) {
                throw new BadInputException(
                        name + " is too short to train and validate on: give a longer text");
            }
            return new Text(name, text.substring(0, cut), text.substring(cut));
        }
    }

    /** Files of tokens; where none is for validation, the last tenth of the tokens is held out. */
    record Shards(String name, List<Path> train, List<Path> validation) implements Source {}
}

package io.github.djlspectral.examples.data;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.data.Corpus.Texts;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Keeps the tokens of texts on disk, in a folder for each pair of texts and tokenizer. The entry's
 * description is written last and makes it valid, so an interrupted one is made again.
 */
final class CorpusCache {

    private static final Gson GSON = new Gson();
    private static final int KEY_LENGTH = 16;
    private static final int LABEL_LENGTH = 24;

    private final Path folder;
    private final PrintStream messages;

    CorpusCache(Path folder, PrintStream messages) {
        this.folder = folder;
        this.messages = messages;
    }

    /** What makes an entry complete. */
    private record Entry(long trainTokens, long validationTokens, double bytesPerToken) {}

    Corpus load(Texts text, Tokenizer tokenizer) {
        Path place = folder.resolve(label(text.name()) + key(text, tokenizer));
        Optional<Corpus> cached = open(place, text.name(), tokenizer);
        if (cached.isPresent()) {
            return cached.get();
        }
        write(place, text, tokenizer);
        String message =
                "The tokens just written to %s cannot be read back: choose another cache directory"
                        + " with %s";
        return open(place, text.name(), tokenizer)
                .orElseThrow(
                        () ->
                                new BadInputException(
                                        message.formatted(place, CorpusLoader.CACHE_VARIABLE)));
    }

    /** The beginning of the folder's name is for people; the key alone is unique. */
    private static String label(String name) {
        String file =
                name.replaceFirst("(?s).*[/\\\\](?=.)", "").replaceAll("[^A-Za-z0-9._]+", "-");
        return file.substring(0, Math.min(LABEL_LENGTH, file.length())) + "-";
    }

    private static String key(Texts text, Tokenizer tokenizer) {
        MessageDigest digest = Downloader.Check.newDigest("SHA-256");
        for (String part : List.of(tokenizer.toJson(), text.train(), text.validation())) {
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            // With its length, so that the parts' borders count.
            digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
            digest.update(bytes);
        }
        return HexFormat.of().formatHex(digest.digest()).substring(0, KEY_LENGTH);
    }

    private static Path entryFile(Path place) {
        return place.resolve("corpus.json");
    }

    private static Path trainFile(Path place) {
        return place.resolve("train.bin");
    }

    private static Path validationFile(Path place) {
        return place.resolve("validation.bin");
    }

    private static Optional<Corpus> open(Path place, String name, Tokenizer tokenizer) {
        if (!Files.exists(entryFile(place))) {
            return Optional.empty();
        }
        try {
            Entry entry = GSON.fromJson(Files.readString(entryFile(place)), Entry.class);
            TokenShard train = TokenShard.open(trainFile(place), tokenizer.vocabSize());
            TokenShard validation = TokenShard.open(validationFile(place), tokenizer.vocabSize());
            if (entry == null
                    || train.length() != entry.trainTokens
                    || validation.length() != entry.validationTokens) {
                return Optional.empty();
            }
            return Optional.of(
                    new Corpus(
                            name,
                            tokenizer,
                            List.of(train),
                            List.of(validation),
                            entry.bytesPerToken));
        } catch (JsonParseException | BadInputException e) {
            return Optional.empty(); // a damaged entry is made again
        } catch (IOException e) {
            throw new BadInputException("Cannot read " + entryFile(place) + " (" + e + ")", e);
        }
    }

    private void write(Path place, Texts text, Tokenizer tokenizer) {
        messages.printf(
                Locale.ROOT,
                "Tokenizing %s (%,d characters, %s) into %s%n",
                text.name(),
                (long) text.train().length() + text.validation().length(),
                tokenizer.name(),
                place);
        int[] train = tokenizer.encode(text.train());
        int[] validation = tokenizer.encode(text.validation());
        String written =
                tokenizer.tokenization() == Tokenization.GPT2_EOT
                        ? text.validation().replace(Tokenizer.END_OF_TEXT_MARK, "")
                        : text.validation(); // the mark between documents stands for no bytes
        int bytes = written.getBytes(StandardCharsets.UTF_8).length;
        Entry entry =
                new Entry(train.length, validation.length, (double) bytes / validation.length);
        TokenShard.write(trainFile(place), train);
        TokenShard.write(validationFile(place), validation);
        AtomicFiles.write(entryFile(place), GSON.toJson(entry));
    }
}

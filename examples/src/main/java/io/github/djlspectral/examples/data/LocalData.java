package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Recognises what lies at a path: a text, a token shard, or a folder of either. */
final class LocalData {

    private static final String SHARD_SUFFIX = ".bin";

    /** A whole part of a name: "medieval" and "interval" are for training. */
    private static final Pattern VALIDATION =
            Pattern.compile("(?i)(?<![a-z])val(id(ation)?)?(?![a-z])");

    private LocalData() {}

    static Source open(String name, Path path) {
        if (Files.isDirectory(path)) {
            return folder(name, path);
        }
        if (path.toString().endsWith(SHARD_SUFFIX)) {
            requireNoVocabulary(path);
            return new Source.Shards(name, List.of(path), List.of());
        }
        return Source.Text.split(name, TextFile.read(path));
    }

    private static Source folder(String name, Path folder) {
        List<Path> shards = shards(folder);
        shards.forEach(LocalData::requireNoVocabulary);
        return shards.isEmpty() ? texts(name, folder) : split(name, folder, shards);
    }

    private static List<Path> shards(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(SHARD_SUFFIX)).sorted().toList();
        } catch (IOException e) {
            throw new BadInputException("Cannot list the folder " + folder + " (" + e + ")", e);
        }
    }

    private static void requireNoVocabulary(Path shard) {
        Path vocabulary = shard.resolveSibling("meta.pkl");
        if (Files.exists(vocabulary)) {
            throw new BadInputException(
                    shard
                            + " has tokens of the vocabulary in nanoGPT's "
                            + vocabulary
                            + ", which is neither gpt2 nor bytes: give the text that they were made"
                            + " of, with --tokenizer chars, or remove that file if it is not"
                            + " theirs");
        }
    }

    /** As llm.c and nanoGPT name them: {@code val.bin}, {@code fineweb_val_000000.bin}. */
    private static Source split(String name, Path folder, List<Path> shards) {
        Map<Boolean, List<Path>> byPurpose =
                shards.stream()
                        .collect(
                                Collectors.partitioningBy(
                                        file ->
                                                VALIDATION
                                                        .matcher(file.getFileName().toString())
                                                        .find()));
        if (byPurpose.get(false).isEmpty()) {
            throw new BadInputException(
                    "The folder "
                            + folder
                            + " has token shards for validation only: add one to train on, such as"
                            + " train.bin");
        }
        return new Source.Shards(name, byPurpose.get(false), byPurpose.get(true));
    }

    private static Source texts(String name, Path folder) {
        Path train = folder.resolve("train.txt");
        Path valid = folder.resolve("valid.txt");
        Path test = folder.resolve("test.txt");
        if (Files.exists(train)) {
            return Files.exists(valid)
                    ? new Source.Text(name, TextFile.read(train), TextFile.read(valid))
                    : Source.Text.split(name, TextFile.read(train));
        }
        if (Files.exists(valid) && Files.exists(test)) {
            return new Source.Text(
                    name + " (no train.txt: training on test.txt, validating on valid.txt)",
                    TextFile.read(test),
                    TextFile.read(valid));
        }
        throw new BadInputException(
                "The folder "
                        + folder
                        + " has neither token shards (*.bin) nor train.txt (with or without"
                        + " valid.txt) nor both valid.txt and test.txt");
    }
}

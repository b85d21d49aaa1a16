package io.github.djlspectral.hf;

import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A GPT-2 as Hugging Face keeps it: {@code config.json}, {@code model.safetensors} or its shards,
 * and the tokenizer's files.
 *
 * @param config the model's shape
 * @param tokenizer its tokenizer
 * @param weights its parameters, named and laid out as in {@link
 *     io.github.djlspectral.layers.gpt.Gpt2}
 * @param unused what in the files is not used: names of arrays that are no parameters of the model,
 *     tokens that no text is encoded to, values that the model does not have
 */
public record HuggingFaceCheckpoint(
        Gpt2Config config, Tokenizer tokenizer, TensorSource weights, Set<String> unused) {

    /**
     * Reads the description of a checkpoint; the parameters are read when they are asked for.
     *
     * @param path the checkpoint's directory, or its safetensors file
     * @return the checkpoint
     * @throws BadInputException if a file is missing or damaged, a parameter is missing or of
     *     another shape, or the model or its tokenizer is not supported; the message says which
     */
    public static HuggingFaceCheckpoint open(Path path) {
        if (!Files.exists(path)) {
            throw new BadInputException(
                    "There is no checkpoint in " + path + ": it does not exist");
        }
        Path directory = Files.isDirectory(path) ? path : path.toAbsolutePath().getParent();
        JsonFile json = JsonFile.read(directory.resolve(HuggingFaceConfig.FILE));
        Gpt2Config config = HuggingFaceConfig.read(json);
        ImportedTensors weights = new ImportedTensors(config, StoredTensors.open(path));
        if (!HuggingFaceConfig.isTied(json) && !weights.hasHead()) {
            throw new BadInputException(
                    json.path()
                            + " has tie_word_embeddings false, but the checkpoint lacks "
                            + Gpt2Layout.HEAD);
        }
        Set<String> unused = new TreeSet<>(weights.unused());
        unused.addAll(HuggingFaceConfig.unused(json));
        Tokenizer tokenizer =
                TokenizerFiles.read(directory, config.vocabSize(), unused)
                        .withEndOfText(HuggingFaceConfig.endOfText(json, config.vocabSize()));
        return new HuggingFaceCheckpoint(
                config, tokenizer, weights, Collections.unmodifiableSet(unused));
    }

    /**
     * Writes a checkpoint. A model without biases gets some that are zero, and a note in {@code
     * config.json} by which {@link #open} leaves them out again.
     *
     * @param directory an existing directory
     * @param config the model's shape
     * @param tokenizer its tokenizer
     * @param weights its parameters, as in {@link io.github.djlspectral.layers.gpt.Gpt2}
     * @param format the format of the parameters
     * @throws IOException if a file cannot be written; others then may be there
     * @throws BadInputException if a parameter is too large for the format
     */
    public static void write(
            Path directory,
            Gpt2Config config,
            Tokenizer tokenizer,
            TensorSource weights,
            FloatFormat format)
            throws IOException {
        SafetensorsWriter.write(
                directory.resolve(StoredTensors.FILE),
                new ExportedTensors(config, weights),
                format,
                Map.of("format", "pt"));
        HuggingFaceConfig.write(
                directory.resolve(HuggingFaceConfig.FILE), config, format, tokenizer);
        TokenizerFilesWriter.write(directory, tokenizer, config.contextLength());
    }
}

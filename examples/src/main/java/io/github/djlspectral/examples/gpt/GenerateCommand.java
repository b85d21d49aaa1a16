package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The command {@code generate}. */
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Continues a text with a trained model.")
public final class GenerateCommand implements Runnable {

    /** Says that standard output is lost. */
    public static final String OUTPUT_LOST =
            "Standard output does not take what was written to it: it was closed, or its disk is full";

    private static final int LONGEST_PROMPT = 1 << 24;

    @Mixin private SavedRun.Choice choice;

    @Option(
            names = "--prompt",
            paramLabel = "<text>",
            description =
                    "The text to continue; -: standard input, as it is. Default: a line break.")
    private String prompt = "\n";

    @Option(
            names = {"--tokens", "--max-tokens"},
            paramLabel = "<n>",
            description = "Tokens to add at most. Default: ${DEFAULT-VALUE}.")
    private int tokens = 256;

    @Option(
            names = "--temperature",
            description = "0: most likely token; 1: the model's distribution. Default: 0.8.")
    private double temperature = 0.8;

    @Option(names = "--top-k", description = "Most likely tokens to choose from; 0: all.")
    private int topK;

    @Option(names = "--top-p", description = "Probability to choose from, in (0, 1]. Default: 1.")
    private double topP = 1;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "<penalty>",
            description =
                    "Divides the scores of tokens that occurred before, if positive, and multiplies"
                            + " negative ones. Default: 1, none.")
    private double repetitionPenalty = 1;

    @Option(
            names = "--stop",
            paramLabel = "<text>",
            description = "The text ends before this. May be given several times.")
    private List<String> stops = List.of();

    @Option(
            names = "--count",
            paramLabel = "<n>",
            description = "Texts to write, with seeds from --seed on. Default: 1.")
    private int count = 1;

    @Option(names = "--seed", description = "Equal seeds give equal texts. Default: 1337.")
    private long seed = 1337;

    @Override
    public void run() {
        unless(count >= 1, "--count is %s, but must be at least 1", count);
        if (prompt.equals("-")) {
            prompt = standardInput();
        }
        GenerationOptions generation =
                new GenerationOptions()
                        .withMaxTokens(tokens)
                        .withTemperature(temperature)
                        .withTopK(topK)
                        .withTopP(topP)
                        .withRepetitionPenalty(repetitionPenalty)
                        .withStops(stops)
                        .withSeed(seed);
        try (SavedRun run = choice.open()) {
            if (count == 1) {
                show(prompt);
                run.generator().generate(prompt, generation, GenerateCommand::show);
                show(System.lineSeparator());
                return;
            }
            List<GenerationOptions> each =
                    LongStream.range(seed, seed + count).mapToObj(generation::withSeed).toList();
            List<String> prompts = Collections.nCopies(count, prompt);
            List<String> texts = run.generator().generate(prompts, each);
            for (int i = 0; i < count; i++) {
                show("===== seed " + (seed + i) + " =====\n" + prompt + texts.get(i) + "\n");
            }
        }
    }

    /** Reads UTF-8 whatever the locale is. */
    private static String standardInput() {
        try {
            byte[] bytes = System.in.readNBytes(LONGEST_PROMPT + 1);
            unless(
                    bytes.length <= LONGEST_PROMPT,
                    "Standard input has more than %s bytes of prompt",
                    LONGEST_PROMPT);
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new BadInputException("Standard input is not UTF-8", e);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read standard input (" + e + ")", e);
        }
    }

    /** Shows a piece of text, unless nobody reads any more: then there is no point in going on. */
    private static void show(String text) {
        System.out.print(text);
        if (System.out.checkError()) { // it flushes too
            throw new BadInputException(OUTPUT_LOST);
        }
    }
}

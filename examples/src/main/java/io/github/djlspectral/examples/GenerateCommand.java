package io.github.djlspectral.examples;

import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.train.Sampler;
import io.github.djlspectral.examples.train.SavedRun;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Continues a text with a trained model.")
final class GenerateCommand implements Runnable {

    @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
    private Path directory;

    @Option(names = "--prompt", description = "The text to continue. Default: a line break.")
    private String prompt = "\n";

    @Option(names = "--tokens", description = "Tokens to add. Default: ${DEFAULT-VALUE}.")
    private int tokens = 256;

    @Option(
            names = "--temperature",
            description = "0: most likely token; 1: the model's distribution. Default: 0.8.")
    private double temperature = 0.8;

    @Option(names = "--top-k", description = "Most likely tokens to choose from; 0: all.")
    private int topK;

    @Option(names = "--top-p", description = "Probability to choose from, in (0, 1]. Default: 1.")
    private double topP = 1;

    @Option(names = "--seed", description = "Equal seeds give equal texts. Default: 1337.")
    private long seed = 1337;

    @Option(names = "--device", description = "cpu, gpu, gpu0, ... Default: cpu.")
    private String device = "cpu";

    @Override
    public void run() {
        if (tokens < 1) {
            throw new BadInputException("--tokens is " + tokens + ", but must be at least 1");
        }
        Sampler sampler = new Sampler(temperature, topK, topP, seed);
        try (SavedRun run = SavedRun.open(directory, device)) {
            System.out.print(prompt);
            run.generate(prompt, tokens, sampler, GenerateCommand::show);
            System.out.println();
        }
    }

    private static void show(String text) {
        System.out.print(text);
        System.out.flush();
    }
}

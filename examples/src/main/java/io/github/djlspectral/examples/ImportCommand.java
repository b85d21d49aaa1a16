package io.github.djlspectral.examples;

import io.github.djlspectral.examples.train.ImportedRun;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "import",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Makes a run of a GPT-2 from Hugging Face, for eval, generate, export, train --init.",
            "Needs config.json, model.safetensors or its shards, and vocab.json with merges.txt",
            "or tokenizer.json."
        })
final class ImportCommand implements Runnable {

    @Option(
            names = "--from",
            required = true,
            paramLabel = "<dir>",
            description = "The checkpoint: its directory, or its safetensors file.")
    private Path from;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "<dir>",
            description = "The run to write; must not exist.")
    private Path out;

    @Override
    public void run() {
        ImportedRun.write(from, out, System.out);
    }
}

package io.github.djlspectral.examples;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.examples.train.ExportedRun;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Writes a run's checkpoint in the layout of Hugging Face's GPT-2.")
final class ExportCommand implements Runnable {

    /** The formats by the names that safetensors gives them. */
    enum Format {
        F32,
        F64,
        F16,
        BF16
    }

    @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
    private Path run;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "<dir>",
            description = "The directory to write; must not exist.")
    private Path out;

    @Option(
            names = "--dtype",
            description = "Format of the parameters: ${COMPLETION-CANDIDATES}. Default: F32.")
    private Format format = Format.F32;

    @Option(
            names = "--step",
            paramLabel = "<n>",
            description = "The checkpoint of this step. Default: the newest, which must be whole.")
    private Integer step;

    @Override
    public void run() {
        DataType type = DataType.fromSafetensors(format.name());
        ExportedRun.write(run, step, out, type, System.out);
    }
}

package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.text.Tokenization;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that all experiments have. */
final class ExperimentOptions {

    @Option(
            names = "--quick",
            description = "A model of 0.1M parameters on the CPU. Default: GPT-2 124M on a GPU.")
    private boolean quick;

    @Option(
            names = "--data",
            paramLabel = "<name|path|URL>",
            description = "As for train. Default: commons-lang if --quick, else fineweb-10b:2.")
    private String data;

    @Option(
            names = "--tokenizer",
            description = "One of ${COMPLETION-CANDIDATES}. Default: bytes if --quick, else gpt2.")
    private Tokenization tokenizer;

    @Parameters(
            arity = "0..*",
            paramLabel = "-- <option of train>",
            description = "Changes the training, as in: --quick -- --steps=100 --width=32")
    private List<String> trainOptions = new ArrayList<>();

    boolean quick() {
        return quick;
    }

    /** Returns the options of {@code train} that are given. */
    TrainArguments given() {
        TrainArguments arguments = TrainArguments.parse(trainOptions);
        if (data != null) {
            arguments = arguments.plus("--data", data);
        }
        return tokenizer == null ? arguments : arguments.plus("--tokenizer", tokenizer);
    }

    /** Loads the data that options of {@code train} name. */
    static Corpus load(TrainArguments arguments, CorpusLoader loader) {
        Map<String, String> options = arguments.values();
        return loader.load(options.get("--data"), Tokenization.of(options.get("--tokenizer")));
    }
}

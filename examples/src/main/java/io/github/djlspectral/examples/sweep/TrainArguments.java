package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Options of {@code train} by name, {@code --steps} and the like, each once: picocli refuses an
 * option that is given twice, but a plan is made of layers that replace each other's.
 */
record TrainArguments(Map<String, String> values) {

    private static final String NEGATION = "--no-";

    /** What all experiments share. */
    private static final String SHARED =
            """
            --momentum 0.95 --weight-decay 0.01 --clip 1.0 --schedule cosine --lr-end 0.1
            --keep 1 --sample-every 0
            """;

    /** 0.1M parameters, 0.3M tokens of bytes. */
    private static final String QUICK =
            """
            --preset tiny --data commons-lang --tokenizer bytes
            --layers 2 --heads 2 --width 64 --context 64 --batch 16 --accumulate 1
            --steps 300 --warmup 30 --eval-every 25 --eval-batches 20 --checkpoint-every 300
            --adamw-lr 3e-3 --beta1 0.9 --beta2 0.99
            """;

    /** GPT-2 124M on 118 million tokens, the size of the paper's WikiText: 1,800 times 65,536. */
    private static final String FULL =
            """
            --preset gpt2 --data fineweb-10b:2 --tokenizer gpt2 --device gpu
            --layers 12 --heads 12 --width 768 --context 1024 --batch 16 --accumulate 4
            --steps 1800 --warmup 180 --eval-every 100 --eval-batches 20 --checkpoint-every 600
            --adamw-lr 6e-4 --beta1 0.9 --beta2 0.95
            """;

    /** Returns the options of an experiment for two cores, or for a GPU. */
    static TrainArguments size(boolean quick) {
        return parse(SHARED + (quick ? QUICK : FULL));
    }

    /** Reads options that contain no blanks. */
    static TrainArguments parse(String text) {
        return parse(List.of(text.strip().split("\\s+")));
    }

    /** Reads {@code --name value}, {@code --name=value}, {@code --flag} and {@code --no-flag}. */
    static TrainArguments parse(List<String> words) {
        Map<String, String> values = new LinkedHashMap<>();
        String flag = null;
        for (String word : words) {
            String[] parts = word.split("=", 2);
            String before = flag;
            flag = null;
            if (!word.startsWith("--")) {
                String rule = "'%s' is not an option of train: write --name=value";
                BadInputException.unless(before != null, rule, word);
                values.put(before, word);
            } else if (parts.length == 2) {
                values.put(parts[0], parts[1]);
            } else if (word.startsWith(NEGATION)) {
                values.put("--" + word.substring(NEGATION.length()), "false");
            } else {
                values.put(word, "true"); // unless a value follows
                flag = word;
            }
        }
        return new TrainArguments(values);
    }

    /** Returns these options with others on top. */
    TrainArguments plus(TrainArguments others) {
        Map<String, String> all = new LinkedHashMap<>(values);
        all.putAll(others.values);
        return new TrainArguments(all);
    }

    TrainArguments plus(String option, Object value) {
        return plus(new TrainArguments(Map.of(option, value.toString())));
    }

    TrainArguments without(String option) {
        Map<String, String> left = new LinkedHashMap<>(values);
        left.remove(option);
        return new TrainArguments(left);
    }

    /** Returns these options with paths that hold in every working directory. */
    TrainArguments absolute() {
        Map<String, String> all = new LinkedHashMap<>(values);
        all.replaceAll(
                (option, value) ->
                        option.matches("--(data|init|out)") && CorpusLoader.isLocal(value)
                                ? Path.of(value).toAbsolutePath().toString()
                                : value);
        return new TrainArguments(all);
    }

    /** Returns the options as arguments of {@code train}. */
    List<String> toList() {
        boolean alone = Set.of("adamw", "sgd").contains(values.getOrDefault("--optimizer", ""));
        TrainArguments all = alone ? without("--adamw-lr") : this; // with no AdamW beside it
        return all.values.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
    }

    /** Returns what the options mean, checked. */
    TrainingOptions options() {
        return TrainingOptions.of(toList().toArray(String[]::new));
    }

    /** Loads the data that the options name. */
    Corpus load() {
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        return loader.load(values.get("--data"), Tokenization.of(values.get("--tokenizer")));
    }

    /** The options that all experiments have. */
    static final class Given {

        @Option(
                names = "--quick",
                description =
                        "A model of 0.1M parameters on the CPU. Default: GPT-2 124M on a GPU.")
        boolean quick;

        @Option(
                names = "--data",
                paramLabel = "<name|path|URL>",
                description = "As for train. Default: commons-lang if --quick, else fineweb-10b:2.")
        private String data;

        @Option(
                names = "--tokenizer",
                description =
                        "One of ${COMPLETION-CANDIDATES}. Default: bytes if --quick, else gpt2.")
        private Tokenization tokenizer;

        @Parameters(
                arity = "0..*",
                paramLabel = "-- <option of train>",
                description = "Changes the training, as in: --quick -- --steps=100 --width=32")
        private List<String> trainOptions = new ArrayList<>();

        /** Returns the options of {@code train} that are given. */
        TrainArguments arguments() {
            TrainArguments given = parse(trainOptions);
            given = data == null ? given : given.plus("--data", data);
            return tokenizer == null ? given : given.plus("--tokenizer", tokenizer);
        }
    }
}

package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.tracker.Tracker;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.layers.gpt.NextTokenLoss;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checkpoints that the transformers library wrote, fine-tuned with prompts masked, against its own
 * fine-tuning and what it computes from the export. {@code fine_tuning_check.py} says how both are
 * made, and compares what is exported here.
 */
class FineTuningTest {

    private static final double TOLERANCE = 1e-4;
    private static final String WORK = System.getProperty("transformers");
    private static final boolean MADE = WORK != null && Files.exists(Path.of(WORK, "start"));

    @TempDir private Path directory;

    /** The records, how to tune on the first of them, and what is found with the others. */
    private record Tuning(
            int tuned,
            int batch,
            int steps,
            int drawn,
            float rate,
            float decay,
            List<List<String>> records,
            First first,
            double loss,
            List<String> greedy,
            double exported) {}

    private record First(double loss, Map<String, Double> norms) {}

    static List<Path> starts() throws IOException, URISyntaxException {
        if (!MADE) {
            return List.of(Path.of(FineTuningTest.class.getResource("fine-tuning").toURI()));
        }
        try (Stream<Path> all = Files.list(Path.of(WORK, "start"))) {
            return all.sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("starts")
    void tunesAsTransformersDoes(Path start) throws IOException {
        String json = Files.readString(start.resolve("tuning.json"));
        Tuning theirs = JsonUtils.GSON.fromJson(json, Tuning.class);
        HuggingFaceGpt2 checkpoint = HuggingFaceGpt2.open(start);
        Tokenizer tokenizer = checkpoint.tokenizer();
        Path out = MADE ? Files.createDirectories(Path.of(WORK, "tuned")) : directory;
        Path exported = out.resolve(start.getFileName());
        AtomicFiles.deleteAll(exported);
        double loss;
        List<String> greedy;
        try (Model model = Model.newInstance("tuned", "PyTorch");
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Gpt2 gpt2 = checkpoint.load(manager);
            model.setBlock(gpt2);
            tune(model, gpt2, tokenizer, theirs);
            NDList others =
                    batch(manager, tokenizer, theirs, theirs.tuned(), theirs.records().size());
            loss = loss(manager, gpt2, others);
            HuggingFaceGpt2.write(exported, gpt2, tokenizer, DataType.FLOAT32);
            HuggingFaceGpt2 stored = HuggingFaceGpt2.open(exported);
            Gpt2 again = stored.load(manager);
            assertThat(loss(manager, again, others)).isEqualTo(loss);
            List<String> prompts =
                    theirs.records().stream().skip(theirs.tuned()).map(r -> r.get(0)).toList();
            GenerationOptions options =
                    new GenerationOptions().withTemperature(0).withMaxTokens(theirs.drawn());
            greedy =
                    new TextGenerator(again, stored.tokenizer(), manager)
                            .generate(prompts, Collections.nCopies(prompts.size(), options));
        }
        String found = JsonUtils.GSON.toJson(Map.of("loss", loss, "greedy", greedy));
        Files.writeString(exported.resolve("tuning.json"), found);
        assertThat(loss).isCloseTo(theirs.loss(), within(TOLERANCE));
        if (!MADE) { // else not yet there
            assertThat(loss).isCloseTo(theirs.exported(), within(TOLERANCE));
        }
        assertThat(greedy).isEqualTo(theirs.greedy());
    }

    /** Tunes for the steps asked for, having compared the first one's loss and gradients. */
    private static void tune(Model model, Gpt2 gpt2, Tokenizer tokenizer, Tuning as) {
        DecoupledAdamW adamW =
                DecoupledAdamW.builder()
                        .optLearningRateTracker(Tracker.fixed(as.rate()))
                        .optWeightDecays(as.decay())
                        .build();
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new NextTokenLoss()).optOptimizer(adamW);
        try (adamW;
                Trainer trainer = model.newTrainer(config)) {
            LossGradient gradient = new LossGradient(gpt2, trainer, false);
            for (int step = 0; step < as.steps(); step++) {
                int start = step * as.batch() % as.tuned();
                try (NDManager scope = trainer.getManager().newSubManager()) {
                    NDList batch = batch(scope, tokenizer, as, start, start + as.batch());
                    double loss = gradient.add(batch, 1);
                    if (step == 0) {
                        assertThat(loss).isCloseTo(as.first().loss(), within(1e-6 * loss));
                        compareNorms(gpt2, as.first().norms());
                    }
                }
                OptimizerStep.apply(trainer, adamW);
            }
        }
    }

    private static void compareNorms(Gpt2 gpt2, Map<String, Double> norms) {
        Map<String, Parameter> parameters = gpt2.getParameters().toMap();
        assertThat(parameters.keySet()).isEqualTo(norms.keySet());
        norms.forEach(
                (name, norm) -> {
                    NDArray gradient = parameters.get(name).getArray().getGradient();
                    try (gradient;
                            NDArray wide = gradient.toType(DataType.FLOAT64, false);
                            NDArray ours = wide.norm()) {
                        assertThat(ours.getDouble()).as(name).isCloseTo(norm, within(1e-5 * norm));
                    }
                });
    }

    private static double loss(NDManager manager, Gpt2 gpt2, NDList batch) {
        ParameterStore store = new ParameterStore(manager, false);
        return gpt2.loss(store, batch.get(0), batch.get(1), false).getFloat();
    }

    /** Tokens and targets: of a completion and its end alone, padded at the end. */
    private static NDList batch(
            NDManager manager, Tokenizer tokenizer, Tuning tuning, int from, int to) {
        int[][] prompts = new int[to - from][];
        int[][] texts = new int[to - from][];
        for (int i = 0; i < texts.length; i++) {
            List<String> record = tuning.records().get(from + i);
            prompts[i] = tokenizer.encode(record.get(0));
            int[] completion = tokenizer.encode(record.get(1));
            texts[i] = Arrays.copyOf(prompts[i], prompts[i].length + completion.length + 1);
            System.arraycopy(completion, 0, texts[i], prompts[i].length, completion.length);
            texts[i][texts[i].length - 1] = tokenizer.endOfText().get(0);
        }
        int longest = Stream.of(texts).mapToInt(text -> text.length - 1).max().orElseThrow();
        long[][] tokens = new long[texts.length][longest];
        long[][] targets = new long[texts.length][longest];
        for (int i = 0; i < texts.length; i++) {
            Arrays.fill(targets[i], 0, prompts[i].length, -100);
            Arrays.fill(targets[i], texts[i].length - 1, longest, -1);
            for (int j = 0; j < texts[i].length - 1; j++) {
                tokens[i][j] = texts[i][j];
                if (j >= prompts[i].length - 1) {
                    targets[i][j] = texts[i][j + 1];
                }
            }
        }
        return new NDList(manager.create(tokens), manager.create(targets));
    }
}

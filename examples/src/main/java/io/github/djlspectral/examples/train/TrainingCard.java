package io.github.djlspectral.examples.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Says in names and values how a model came about, for those who did not see it. */
final class TrainingCard {

    private TrainingCard() {}

    /**
     * Describes a run at a step.
     *
     * @param parameters the number of the model's parameters
     */
    static Map<String, String> of(RunConfig config, RunDirectory files, int step, long parameters) {
        TrainingOptions options = config.options();
        Map<String, String> card = new TreeMap<>();
        if (config.versions() != null) {
            card.putAll(config.versions()); // with the commit, where a run knows it
        }
        card.put("parameters", Long.toString(parameters));
        if (options.data == null) { // imported: its options say nothing of how it came about
            card.put("data", "trained elsewhere and imported");
            return card;
        }
        card.put("data", data(config));
        card.put("dataSha256", config.dataSha256());
        card.put("tokenizer", options.tokenizer.toString());
        card.put("steps", Integer.toString(step));
        card.put("tokens", Long.toString(step * options.tokensPerStep()));
        card.put("optimizer", options.optimizer.toString());
        card.put("learningRate", Double.toString(options.lr));
        if (options.isSpectral()) {
            card.put("adamwLearningRate", Double.toString(options.adamwLr));
        }
        card.put("schedule", options.schedule.toString().toLowerCase(Locale.ROOT));
        card.put("seed", Integer.toString(options.seed));
        putValidation(card, files, step);
        return card;
    }

    /** Returns the corpus, without the folder that it had on this machine. */
    private static String data(RunConfig config) {
        String place = config.options().data;
        boolean isPath = !place.contains("://") && Path.of(place).getFileName() != null;
        return isPath
                ? config.data().replace(place, Path.of(place).getFileName().toString())
                : config.data();
    }

    private static void putValidation(Map<String, String> card, RunDirectory files, int step) {
        if (!Files.exists(files.metrics())) {
            return; // a run of which only the checkpoint was kept
        }
        List<MetricsRow> rows = MetricsLog.read(files.metrics(), step);
        rows.stream()
                .filter(MetricsRow::evaluated)
                .reduce((earlier, later) -> later)
                .ifPresent(
                        row -> {
                            card.put("validationLoss", Float.toString(row.validationLoss()));
                            card.put("validationStep", Integer.toString(row.step()));
                        });
    }
}

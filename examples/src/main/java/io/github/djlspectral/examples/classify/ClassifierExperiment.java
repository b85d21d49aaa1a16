package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The same classifier with an attention flow and with ordinary attention. Each first tries the same
 * learning rates on the training images alone, holding out the last tenth of them; the best one
 * then trains on all of them, with several seeds.
 */
public final class ClassifierExperiment {

    private final ClassifierSettings settings;
    private final List<Double> rates;
    private final int seeds;
    private final Path directory;

    /**
     * Describes the experiment.
     *
     * @param settings what all runs have in common
     * @param rates the learning rates to try, positive, at least one; one is used untried
     * @param seeds the number of seeds, from 1 on
     * @param directory where results are written
     * @throws BadInputException if a number is out of its range
     */
    public ClassifierExperiment(
            ClassifierSettings settings, List<Double> rates, int seeds, Path directory) {
        if (rates.isEmpty()) {
            throw new BadInputException("--lr is empty, but must have a learning rate");
        }
        rates.forEach(rate -> OptionCheck.requirePositive("--lr", rate));
        OptionCheck.requirePositive("--seeds", seeds);
        this.settings = settings;
        this.rates = List.copyOf(rates);
        this.seeds = seeds;
        this.directory = directory;
    }

    /**
     * Trains all and writes {@code metrics.csv}, {@code energy.csv}, {@code table.md}, {@code
     * accuracy.png} and {@code energy.png}. The same settings give the same numbers.
     *
     * @param data the images
     * @param out receives the progress and the table
     * @throws BadInputException if there are too few images
     * @throws TrainingDivergedException if a loss is not a number with the only or best rate
     * @throws java.io.UncheckedIOException if a file cannot be written
     */
    public void run(Mnist data, PrintStream out) {
        out.println(data.description());
        out.println("classify " + settings + " --seeds " + seeds);
        ClassifierFiles files = new ClassifierFiles(directory);
        int tried = rates.size() > 1 ? rates.size() : 0;
        Mixer[] mixers = Mixer.values();
        int epochs = mixers.length * (tried + seeds) * settings.epochs();
        Trials trials = new Trials(settings, new Eta(epochs), out);
        List<ClassifierReport.Contender> contenders = new ArrayList<>();
        for (Mixer mixer : mixers) {
            double rate = tried == 0 ? rates.get(0) : trials.bestRate(mixer, rates, data.train());
            List<Outcome> outcomes = new ArrayList<>();
            for (int seed = 1; seed <= seeds; seed++) {
                Outcome outcome = trials.train(mixer, rate, seed, data.train(), data.test());
                files.append(outcome);
                outcomes.add(outcome);
            }
            contenders.add(new ClassifierReport.Contender(mixer, rate, outcomes));
        }
        ClassifierReport report = new ClassifierReport(rates, contenders);
        files.write("table.md", report.table());
        report.table().forEach(out::println);
        report.plotAccuracy(files.path("accuracy.png"));
        report.plotEnergy(files.path("energy.png"));
        out.println("Results are in " + directory);
    }
}

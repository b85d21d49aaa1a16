package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The command that measures what single steps with other exponents would do. */
@Command(
        name = "landscape",
        description = {
            "Trains GPT-2 with Muon and measures, at some steps, how one step of Freon with each"
                    + " exponent and learning rate would change the validation loss.",
            "Steps that --out has already are not measured again. Results: landscape.csv,"
                    + " landscape.md, landscape-<step>.png."
        })
public final class LandscapeCommand implements Runnable {

    private static final List<Integer> QUICK_STEPS = List.of(0, 10, 50, 100, 200);
    private static final List<Integer> FULL_STEPS = List.of(0, 100, 400, 900, 1700);

    @Mixin private ExperimentOptions experiment = new ExperimentOptions();

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where the results go. Default: runs/landscape.")
    private Path out = Path.of("runs", "landscape");

    @Option(
            names = "--at",
            split = ",",
            paramLabel = "<steps>",
            description =
                    "Steps of training before each measurement. Default: 0,10,50,100,200 if"
                            + " --quick, else 0,100,400,900,1700.")
    private List<Integer> at;

    /** Creates the command; picocli sets the options. */
    public LandscapeCommand() {}

    @Override
    public void run() {
        TrainArguments size =
                experiment.quick() ? Experiments.quickLandscape() : Experiments.fullLandscape();
        TrainArguments arguments = size.plus(experiment.given());
        List<Integer> defaults = experiment.quick() ? QUICK_STEPS : FULL_STEPS;
        Landscape landscape =
                new Landscape(
                        arguments,
                        new TreeSet<>(at == null ? defaults : at),
                        Landscape.Grid.standard());
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        try (Corpus corpus = ExperimentOptions.load(arguments, loader)) {
            String data = corpus.description();
            System.out.println(data);
            LandscapeReport report =
                    new LandscapeReport(landscape.measure(corpus, out, System.out));
            report.draw(out);
            List<String> page = new ArrayList<>(List.of(data + ".", ""));
            page.addAll(report.table());
            Table.write(out.resolve("landscape.md"), page);
            report.table().forEach(System.out::println);
        }
    }
}

package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** All optimizers on one problem, several seeds each: files, table and pictures. */
public final class FeatureExperiment {

    private final FeatureProblem problem;
    private final int seeds;
    private final Path directory;

    /**
     * Describes the experiment; see {@code random-features --help}.
     *
     * @param rows outputs of the regression
     * @param columns its features
     * @param batch samples of a gradient; 0: the full gradient
     * @param condition ratio of the largest to the smallest variance of a feature
     * @param steps updates of each optimizer
     * @param seeds the number of seeds, from 1 on
     * @param directory where results are written
     * @throws BadInputException if a number is out of its range
     */
    public FeatureExperiment(
            int rows,
            int columns,
            int batch,
            double condition,
            int steps,
            int seeds,
            Path directory) {
        OptionCheck.requirePositive("--seeds", seeds);
        problem = new FeatureProblem(rows, columns, batch, condition, steps);
        this.seeds = seeds;
        this.directory = directory;
    }

    /**
     * Runs what is not finished yet, then writes {@code table.md}, {@code loss.png} and {@code
     * step-size.png}.
     *
     * @param out receives the progress and the table
     * @throws BadInputException if the directory has results of another problem
     * @throws UncheckedIOException if a file cannot be read or written
     */
    public void run(PrintStream out) {
        out.println("random-features " + problem + " --seeds " + seeds);
        Map<String, List<Descent>> descents = new LinkedHashMap<>();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Descender descender : Descender.all()) {
                List<Descent> all = new ArrayList<>();
                for (int seed = 1; seed <= seeds; seed++) {
                    all.add(descent(descender, seed, manager, out));
                }
                descents.put(descender.name(), all);
            }
        }
        FeatureReport report = new FeatureReport(problem, descents);
        List<String> table = report.table();
        table.forEach(out::println);
        write(directory.resolve("table.md"), table);
        report.plotLoss(directory.resolve("loss.png"));
        report.plotStepSizes(directory.resolve("step-size.png"));
        out.println("Results are in " + directory);
    }

    private Descent descent(Descender descender, int seed, NDManager manager, PrintStream out) {
        Path file = directory.resolve(descender.fileName() + "-seed" + seed + ".csv");
        if (Files.exists(file)) {
            Descent descent = DescentFile.read(file, problem);
            out.println(descender.name() + ", seed " + seed + ": finished before");
            return descent;
        }
        Descent descent = Descent.run(problem, descender, seed, manager);
        DescentFile.write(file, problem, descent);
        out.println(descender.name() + ", seed " + seed + ": done");
        return descent;
    }

    private static void write(Path path, List<String> lines) {
        try {
            Files.write(path, lines);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }
}

package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Trial.Task;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What benchmarks are about; each suite is one table of the report. */
enum Suite {
    OPTIMIZERS(
            "One step of an optimizer",
            "(768x768|768x3072|3072x768|124M, hidden matrices): .*"
                    + "|.*: .*, whole step|124M, all parameters: torch.*"),
    ROUTES("Freon's step by the way to compute the power", "(16x64|64x256|256x1024): .*"),
    GPT2("GPT-2", ".*"),
    GENERATION("GPT-2 writes", ".*"),
    LAYERS("Isometric layers, forward and backward", ".*"),
    GROWTH("Growth with size", "(width|depth|batch|context)=(2|4|256|512): .*");

    final String title;
    private final String quick; // what a quick run measures

    Suite(String title, String quick) {
        this.title = title;
        this.quick = quick;
    }

    /** Returns the name as on the command line, in tables, and in files written before. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What was measured: who did what; times of one subject can be compared. */
    record Key(Suite suite, String subject, String contender) {

        /** Reads such as "optimizers, 768x768: Muon". */
        static Key parse(String text) {
            String[] parts = text.split(", ", 2);
            int end = parts[1].lastIndexOf(": ");
            Suite suite = valueOf(parts[0].toUpperCase(Locale.ROOT));
            return new Key(suite, parts[1].substring(0, end), parts[1].substring(end + 2));
        }

        /** Tells whether nothing is missing, as it may be where it was read. */
        boolean isComplete() {
            return suite != null && subject != null && contender != null;
        }

        /** Returns such as "optimizers, 768x768": what rivals for it have in common. */
        String task() {
            return suite + ", " + subject;
        }

        /** Returns such as "optimizers, 768x768: Muon". */
        @Override
        public String toString() {
            return task() + ": " + contender;
        }

        boolean isQuick() {
            return (subject + ": " + contender).matches(suite.quick);
        }

        /** Returns the contenders for the same subject whose time this one's is divided by. */
        List<String> rivals() {
            return resource("rivals.txt")
                    .lines()
                    .map(line -> List.of(line.split("; ")))
                    .filter(rule -> toString().matches(rule.get(0)))
                    .flatMap(rule -> rule.stream().skip(1))
                    .filter(other -> !other.equals(contender))
                    .toList();
        }
    }

    static String resource(String name) {
        try (InputStream file = Suite.class.getResourceAsStream(name)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + name, e);
        }
    }

    /** What there is to measure but for Python's, a line of {@code tasks.txt}. */
    record Kind(
            String name, // as for --only
            int warmups,
            int iterations,
            double seconds, // an iteration repeats the work for so long; 0: it does it once
            int operations, // of which the work is several
            List<Key> keys) { // all combinations of subjects and contenders

        static final List<Kind> ALL = resource("tasks.txt").lines().map(Kind::parse).toList();

        /** What Python does, whose script knows the keys; its first two steps are slow. */
        private static final Kind TORCH = new Kind("TorchTask", 3, 5, 0.5, 1, List.of());

        private static Kind parse(String line) {
            String[] cells = line.split(" *\\| *");
            return new Kind(
                    cells[1],
                    Integer.parseInt(cells[2]),
                    Integer.parseInt(cells[3]),
                    Double.parseDouble(cells[4]),
                    Integer.parseInt(cells[5]),
                    Stream.of(cells[7].split("; "))
                            .flatMap(c -> Stream.of(cells[6].split("; ")).map(s -> s + ": " + c))
                            .map(task -> Key.parse(cells[0] + ", " + task))
                            .toList());
        }

        static Kind of(Key key) {
            return ALL.stream().filter(k -> k.keys.contains(key)).findFirst().orElse(TORCH);
        }

        Task task() {
            return switch (name) {
                case "OptimizerStep", "FreonMethod" -> new OptimizerTask();
                case "MatrixProduct" -> new ModelTasks.MatrixProduct();
                case "Generation" -> new ModelTasks.Generation();
                case "FoldBenchmark" -> new ModelTasks.Fold();
                case "TorchTask" -> new TorchTask();
                default -> new Gpt2Task();
            };
        }
    }
}

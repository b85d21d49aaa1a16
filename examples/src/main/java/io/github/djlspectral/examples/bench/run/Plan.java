package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Everything to measure in a round, in order. */
final class Plan implements AutoCloseable {

    private static final String SCRIPT = "/io/github/djlspectral/examples/bench/peer.py";

    private final PythonProcess process;
    private final PythonPeer peer;
    private final List<Contestant> contestants;

    /**
     * What to put into a plan.
     *
     * @param suites which tables
     * @param only what names must have in them
     * @param quick whether to take less of everything
     * @param threads of a native operation; null for PyTorch's default
     * @param python the interpreter, or "none"
     */
    record Choice(List<Suite> suites, Pattern only, boolean quick, Integer threads, String python) {

        private boolean takes(Key key) {
            return suites.contains(key.suite()) && only.matcher(key.toString()).find();
        }

        private boolean takes(JmhBenchmark benchmark) {
            return takes(benchmark.key()) || takesByMethod(benchmark);
        }

        private boolean takesByMethod(JmhBenchmark benchmark) {
            return suites.contains(benchmark.key().suite())
                    && only.matcher(benchmark.method()).find();
        }
    }

    /**
     * Makes a plan.
     *
     * @param log gets what JMH prints
     * @throws BadInputException if there is nothing to measure
     */
    Plan(Choice choice, PrintStream log) {
        process = new PythonProcess(choice.python, Plan.class.getResource(SCRIPT));
        peer = peer(choice);
        contestants = contestants(choice, log);
        if (contestants.isEmpty()) {
            close();
            throw new BadInputException(
                    "--only is "
                            + choice.only
                            + ", which nothing in --suite "
                            + choice.suites
                            + " has in its name; see --list");
        }
    }

    private PythonPeer peer(Choice choice) {
        if (choice.python.equals("none")) {
            return PythonPeer.skipped("--python none");
        }
        List<String> options = new ArrayList<>();
        if (choice.quick) {
            options.add("--quick");
        }
        if (choice.threads != null) {
            options.addAll(List.of("--threads", choice.threads.toString()));
        }
        return PythonPeer.ask(process, options);
    }

    private List<Contestant> contestants(Choice choice, PrintStream log) {
        List<String> arguments =
                choice.threads == null
                        ? List.of()
                        : List.of("-D" + Machine.THREADS + "=" + choice.threads);
        JmhSettings settings = new JmhSettings(choice.quick, arguments, log);
        List<JmhBenchmark> ours =
                new JmhCatalog(settings).all().stream().filter(choice::takes).toList();
        // a method's name means its rivals too
        List<JmhBenchmark> named = ours.stream().filter(choice::takesByMethod).toList();
        List<Contestant> all = new ArrayList<>(ours);
        peer.contestants().stream()
                .filter(
                        python ->
                                choice.takes(python.key())
                                        || named.stream().anyMatch(python::isRivalOf))
                .forEach(all::add);
        return bySubject(all);
    }

    /** Makes neighbours of those that are compared, so that the machine is the same for them. */
    private static List<Contestant> bySubject(List<Contestant> contestants) {
        List<Contestant> ordered = new ArrayList<>();
        for (Suite suite : Suite.values()) {
            Map<String, List<Contestant>> groups = new LinkedHashMap<>();
            contestants.stream()
                    .filter(contestant -> contestant.key().suite() == suite)
                    .forEach(
                            contestant ->
                                    groups.computeIfAbsent(
                                                    contestant.key().subject(),
                                                    subject -> new ArrayList<>())
                                            .add(contestant));
            groups.values().forEach(ordered::addAll);
        }
        return ordered;
    }

    List<Contestant> contestants() {
        return contestants;
    }

    PythonPeer peer() {
        return peer;
    }

    /** Frees what Python needs. */
    @Override
    public void close() {
        process.close();
    }
}

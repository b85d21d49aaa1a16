package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.Round;
import java.util.ArrayList;
import java.util.List;

/**
 * Something that the Python script measures.
 *
 * @param key what it measures
 * @param process runs the script
 * @param options for every call
 */
record PythonContestant(Key key, PythonProcess process, List<String> options)
        implements Contestant {

    /** None: ours are compared with Python's, not the other way round. */
    @Override
    public List<String> against() {
        return List.of();
    }

    @Override
    public Round measure(int round) {
        List<String> arguments = new ArrayList<>(options);
        arguments.addAll(List.of("--suite", key.suite().toString()));
        arguments.addAll(List.of("--subject", key.subject()));
        arguments.addAll(List.of("--contender", key.contender()));
        return PythonPeer.round(round, key, process.run(arguments));
    }
}

package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.Compared;
import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Finds the JMH benchmarks that say by {@link Compared} what they measure.
 *
 * @param settings how to run them
 */
record JmhCatalog(JmhSettings settings) {

    /**
     * Returns the benchmarks, each once for every combination of its parameters.
     *
     * @throws IllegalStateException if an annotation lacks something
     */
    List<JmhBenchmark> all() {
        OutputFormat quiet =
                OutputFormatFactory.createFormatInstance(settings.log(), VerboseMode.SILENT);
        return BenchmarkList.defaultList().getAll(quiet, List.of()).stream()
                .flatMap(this::benchmarks)
                .toList();
    }

    /** Returns whom each benchmark is compared with. */
    Map<Key, List<String>> rivals() {
        return all().stream().collect(Collectors.toMap(JmhBenchmark::key, JmhBenchmark::against));
    }

    private Stream<JmhBenchmark> benchmarks(BenchmarkListEntry entry) {
        Class<?> owner = owner(entry);
        String name = entry.getUsername();
        Method method =
                Arrays.stream(owner.getMethods())
                        .filter(m -> name.equals(owner.getName() + "." + m.getName()))
                        .findFirst()
                        .orElseThrow(() -> new IllegalStateException("There is no method " + name));
        List<Compared> annotations =
                Stream.of(method.getAnnotation(Compared.class), owner.getAnnotation(Compared.class))
                        .filter(Objects::nonNull)
                        .toList();
        return annotations.isEmpty()
                ? Stream.empty()
                : combinations(entry.getParams().orElse(Map.of())).stream()
                        .flatMap(values -> benchmark(name, annotations, values).stream());
    }

    private static Class<?> owner(BenchmarkListEntry entry) {
        try {
            return Class.forName(entry.getUserClassQName());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("The list of benchmarks is older than the classes", e);
        }
    }

    /** Returns empty if a quick run leaves it out. */
    private Optional<JmhBenchmark> benchmark(
            String method, List<Compared> annotations, Map<String, String> values) {
        Suite suite =
                annotations.stream()
                        .flatMap(annotation -> Arrays.stream(annotation.suite()))
                        .findFirst()
                        .orElseThrow(() -> new IllegalStateException(method + " has no suite"));
        String subject = fill(require(method, "subject", annotations, Compared::subject), values);
        String contender =
                fill(require(method, "contender", annotations, Compared::contender), values);
        List<String> against =
                annotations.stream()
                        .map(annotation -> List.of(annotation.against()))
                        .filter(others -> !others.isEmpty())
                        .findFirst()
                        .orElse(List.of());
        Optional<String> quick = text(annotations, Compared::quick);
        if (settings.quick() && quick.isPresent() && !subject.matches(quick.get())) {
            return Optional.empty();
        }
        List<String> others =
                against.stream()
                        .map(other -> fill(other, values))
                        .filter(other -> !other.equals(contender))
                        .toList();
        return Optional.of(
                new JmhBenchmark(
                        new Key(suite, subject, contender), others, method, values, settings));
    }

    private static String require(
            String method,
            String element,
            List<Compared> annotations,
            Function<Compared, String> getter) {
        return text(annotations, getter)
                .orElseThrow(() -> new IllegalStateException(method + " has no " + element));
    }

    /** Returns the first text that is there: the method's goes before the class's. */
    private static Optional<String> text(
            List<Compared> annotations, Function<Compared, String> getter) {
        return annotations.stream().map(getter).filter(text -> !text.isEmpty()).findFirst();
    }

    private static String fill(String text, Map<String, String> values) {
        String filled = text;
        for (Map.Entry<String, String> value : values.entrySet()) {
            filled = filled.replace("{" + value.getKey() + "}", words(value.getValue()));
        }
        return filled;
    }

    /** Makes words of an enum's constant. */
    private static String words(String value) {
        return value.matches("[A-Z][A-Z0-9_]*")
                ? value.toLowerCase(Locale.ROOT).replace('_', ' ')
                : value;
    }

    private static List<Map<String, String>> combinations(Map<String, String[]> choices) {
        List<Map<String, String>> combinations = List.of(Map.of());
        for (Map.Entry<String, String[]> choice : choices.entrySet()) {
            List<Map<String, String>> longer = new ArrayList<>();
            for (Map<String, String> combination : combinations) {
                for (String value : choice.getValue()) {
                    Map<String, String> extended = new LinkedHashMap<>(combination);
                    extended.put(choice.getKey(), value);
                    longer.add(extended);
                }
            }
            combinations = longer;
        }
        return combinations;
    }
}

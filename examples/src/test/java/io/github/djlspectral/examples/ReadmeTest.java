package io.github.djlspectral.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/**
 * Holds the guides to the code: links lead to files, snippets are cut from programs that the tests
 * run, commands and options are those of {@link Main}, and the first page stays one.
 *
 * <p>A snippet stands in its source between the lines {@code // snippet: name} and {@code // end},
 * or is a whole file of the project {@code consumer}.
 */
class ReadmeTest {

    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final Set<String> NOT_OURS = Set.of("target", "runs", "src");
    private static final Pattern FENCED = Pattern.compile("(?ms)^```(\\w*)\\R(.*?)^```$");
    private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");
    private static final Pattern CODE = Pattern.compile("(?s)`([^`]+)`");
    private static final Pattern SNIPPET =
            Pattern.compile("(?ms)^ *// snippet: (\\S+)\\R(.*?)^ *// end$");
    private static final Pattern JAR = Pattern.compile("java .*-jar \\S*djl-spectral-examples.jar");

    private static final Predicate<String> CLASS =
            Pattern.compile("io\\.github\\.djlspectral\\.[.\\w]+").asMatchPredicate();

    private final Map<Path, String> pages = files(".md", NOT_OURS);
    private final Map<Path, String> sources = files(".java", Set.of("target"));

    private static Map<Path, String> files(String suffix, Set<String> skipped) {
        Map<Path, String> found = new HashMap<>();
        collect(ROOT, suffix, skipped, found);
        return found;
    }

    private static void collect(
            Path folder, String suffix, Set<String> skipped, Map<Path, String> found) {
        try (Stream<Path> entries = Files.list(folder)) {
            for (Path entry : entries.toList()) {
                String name = entry.getFileName().toString();
                if (Files.isRegularFile(entry) && name.endsWith(suffix)) {
                    found.put(entry, Files.readString(entry).replace("\r\n", "\n"));
                } else if (Files.isDirectory(entry)
                        && !name.startsWith(".")
                        && !skipped.contains(name)) {
                    collect(entry, suffix, skipped, found);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void theFirstPageIsShort() {
        String first = pages.get(ROOT.resolve("README.md"));
        assertThat(first.lines().count()).isLessThanOrEqualTo(150);
        assertThat(first.strip().split("\\s+")).hasSizeLessThanOrEqualTo(900);
        assertThat(Pattern.compile("!\\[").matcher(first).results().count()).isEqualTo(1);
    }

    @Test
    void everyLinkLeadsSomewhere() {
        forEach(
                (page, text) -> {
                    Matcher link = LINK.matcher(withoutCode(text));
                    while (link.find()) {
                        String target = link.group(1);
                        if (!target.matches("https?://.*")) {
                            String[] parts = target.split("#", -1);
                            Path file = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]);
                            assertThat(file.normalize()).as("%s in %s", target, page).exists();
                            if (parts.length > 1) {
                                assertThat(headings(file.normalize()))
                                        .as("%s in %s", target, page)
                                        .contains(parts[1]);
                            }
                        }
                    }
                });
    }

    private Set<String> headings(Path page) {
        return withoutBlocks(pages.get(page))
                .lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceAll("^#+ ", "").toLowerCase(Locale.ROOT))
                .map(line -> line.replaceAll("[^\\p{L}\\p{N}_ -]", "").replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    @Test
    void everySnippetIsCutFromWhatTheBuildRuns() {
        Map<String, String> snippets = new HashMap<>();
        sources.forEach((file, text) -> cut(file, text, snippets));
        Path consumer = ROOT.resolve("examples/consumer"); // a project: snippets are whole files
        sources.forEach((file, text) -> wholly(consumer, file, text, snippets));
        files(".xml", Set.of("target")).forEach((f, text) -> wholly(consumer, f, text, snippets));
        Set<String> unused = new TreeSet<>(snippets.keySet());
        forEach(
                (page, text) ->
                        blocks(text, "java|xml")
                                .forEach(
                                        block -> {
                                            assertThat(snippets)
                                                    .as(page.toString())
                                                    .containsValue(unindented(block));
                                            unused.removeIf(
                                                    name ->
                                                            snippets.get(name)
                                                                    .equals(unindented(block)));
                                        }));
        assertThat(unused).as("snippets on no page").isEmpty();
    }

    private static void wholly(Path folder, Path file, String text, Map<String, String> snippets) {
        if (file.startsWith(folder)) {
            snippets.put(folder.relativize(file).toString(), unindented(text));
        }
    }

    /** Adds the snippets of a file, which is a test or is named by one. */
    private void cut(Path file, String text, Map<String, String> snippets) {
        String name = file.getFileName().toString().replaceFirst("\\.\\w+$", "");
        Matcher snippet = SNIPPET.matcher(text);
        while (!file.endsWith("ReadmeTest.java") && snippet.find()) {
            assertThat(name.endsWith("Test") || tested(name))
                    .as("whether a test runs %s", file)
                    .isTrue();
            assertThat(snippets.put(snippet.group(1), unindented(snippet.group(2))))
                    .as("another snippet called %s than that of %s", snippet.group(1), file)
                    .isNull();
        }
    }

    private boolean tested(String program) {
        Pattern use = Pattern.compile("\\b" + program + "\\b");
        return sources.entrySet().stream()
                .filter(entry -> !entry.getKey().endsWith("ReadmeTest.java"))
                .filter(entry -> entry.getKey().toString().endsWith("Test.java"))
                .anyMatch(entry -> use.matcher(entry.getValue()).find());
    }

    @Test
    void everyCommandIsUnderstood() {
        List<String> commands = new ArrayList<>();
        forEach(
                (page, text) -> {
                    blocks(text, "bash|sh|console").forEach(b -> b.lines().forEach(commands::add));
                    Matcher code = CODE.matcher(withoutBlocks(text));
                    while (code.find()) {
                        commands.add(code.group(1).replaceAll("\\s+", " "));
                    }
                });
        int understood = 0;
        for (String line : commands) {
            for (List<String> words : commands(line)) {
                words.stream().filter(CLASS).forEach(this::requireProgram);
                List<String> command = ours(words);
                if (!command.isEmpty()) {
                    understood++;
                    assertThatCode(
                                    () ->
                                            Main.commandLine()
                                                    .parseArgs(command.toArray(String[]::new)))
                            .as(line)
                            .doesNotThrowAnyException();
                }
            }
        }
        assertThat(understood).isGreaterThan(20);
    }

    private void requireProgram(String name) {
        Path file =
                Path.of("src/main/java", name.split("\\."))
                        .resolveSibling(name.replaceAll(".*\\.", "") + ".java");
        assertThat(sources.get(ROOT.resolve("examples").resolve(file)))
                .as(name)
                .contains("void main(");
    }

    /** Returns the arguments of a call of our program; nothing if it is none. */
    private static List<String> ours(List<String> words) {
        int first =
                words.get(0).equals("djl-spectral")
                        ? 1
                        : !words.get(0).equals("alias")
                                        && JAR.matcher(String.join(" ", words)).find()
                                ? words.indexOf("-jar") + 2
                                : words.size();
        return words.subList(first, words.size());
    }

    /** Splits a line of a shell into commands, each split into words, without comments. */
    private static List<List<String>> commands(String line) {
        List<List<String>> commands = new ArrayList<>();
        List<String> words = new ArrayList<>();
        Matcher token =
                Pattern.compile("\\s+#.*|&&|[;|]|(?:\"[^\"]*\"|'[^']*'|[^\\s;|&\"'])+")
                        .matcher(line);
        while (token.find()) {
            String word = token.group();
            if (word.matches("&&|[;|]")) {
                commands.add(words);
                words = new ArrayList<>();
            } else if (!word.isBlank() && !word.matches("\\s+#.*")) {
                words.add(word.replaceAll("[\"']", "").replaceAll("\\$\\w+", "1"));
            }
        }
        commands.add(words);
        commands.removeIf(List::isEmpty);
        return commands;
    }

    @Test
    void everyOptionExists() {
        Set<String> known = new TreeSet<>();
        for (CommandLine command : Main.commandLine().getSubcommands().values()) {
            known.addAll(command.getCommandSpec().optionsMap().keySet());
        }
        forEach(
                (page, text) -> {
                    Matcher code = CODE.matcher(withoutBlocks(text));
                    while (code.find()) {
                        if (code.group(1).startsWith("--")) {
                            assertThat(known)
                                    .as(page.toString())
                                    .contains(code.group(1).split("[ =]")[0]);
                        }
                    }
                });
    }

    /** Types are ours, and have the member that is named, or are imported somewhere. */
    @Test
    void everyTypeThatIsNamedExists() {
        Map<String, String> types = new HashMap<>();
        sources.forEach(
                (file, text) ->
                        types.merge(
                                file.getFileName().toString().replace(".java", ""),
                                text,
                                String::concat));
        String all = String.join("", sources.values());
        Pattern name = Pattern.compile("([A-Z]\\w*[a-z]\\w*)(?:\\.(\\w+))*(?:\\(.*)?");
        forEach(
                (page, text) -> {
                    Matcher code = CODE.matcher(withoutBlocks(text));
                    while (code.find()) {
                        Matcher parts = name.matcher(code.group(1));
                        if (parts.matches()) {
                            String type = parts.group(1);
                            String member = parts.group(2) == null ? type : parts.group(2);
                            String source = types.getOrDefault(type, "");
                            if (source.isEmpty()) {
                                assertThat(all).as(page.toString()).contains("." + type + ";");
                            } else {
                                assertThat(source).as(page.toString()).contains(member);
                            }
                        }
                    }
                });
    }

    @Test
    void theTestCommandIsThatOfTheBuild() throws IOException {
        List<String> script = Files.readAllLines(ROOT.resolve(".ci/run"), UTF_8);
        assertThat(pages.get(ROOT.resolve("README.md")))
                .contains("\n" + script.get(script.size() - 1));
    }

    private void forEach(BiConsumer<Path, String> check) {
        assertThat(pages).hasSizeGreaterThan(3);
        pages.forEach(check);
    }

    private static List<String> blocks(String page, String languages) {
        return FENCED.matcher(page)
                .results()
                .filter(block -> block.group(1).matches(languages))
                .map(block -> block.group(2).replaceAll("\\\\\\R *", ""))
                .toList();
    }

    private static String unindented(String code) {
        return code.stripTrailing().stripIndent();
    }

    private static String withoutBlocks(String page) {
        return FENCED.matcher(page).replaceAll("");
    }

    private static String withoutCode(String page) {
        return CODE.matcher(withoutBlocks(page)).replaceAll("");
    }
}

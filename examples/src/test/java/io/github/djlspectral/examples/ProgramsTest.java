package io.github.djlspectral.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.inference.Predictor;
import io.github.djlspectral.generate.Prompt;
import io.github.djlspectral.zoo.EmptyCache;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs to read, as they are run. */
class ProgramsTest {

    private static final Path SOURCES = Path.of("src/main/java/io/github/djlspectral/examples");
    private static final List<String> PROGRAMS =
            List.of("DropInMuon", "TrainGpt2", "LoadFromZoo", "ClassifyTexts", "ServeFromZoo");

    private static final String VERSION = System.getProperty("project.version");

    @TempDir private static Path folder;
    private static String training;
    private static EmptyCache cache;

    private interface Program {
        void main(String[] arguments) throws Exception;
    }

    private static String output(Program program, Object... arguments) throws Exception {
        PrintStream console = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, UTF_8));
        try {
            program.main(List.of(arguments).stream().map(Object::toString).toArray(String[]::new));
        } finally {
            System.setOut(console);
        }
        return bytes.toString(UTF_8);
    }

    private static List<Double> numbers(String after, String output) {
        return Pattern.compile(after + " ([0-9.]+)")
                .matcher(output)
                .results()
                .map(result -> Double.valueOf(result.group(1)))
                .toList();
    }

    @Test
    void muonLearnsSpiralsInsteadOfAdam() throws Exception {
        Path csv = Path.of(ProgramsTest.class.getResource("spirals.csv").toURI());
        String output = output(DropInMuon::main, csv, 30);
        assertThat(numbers("validation accuracy", output).get(0)).isGreaterThan(0.9);
        assertThat(output).contains("spectral: Muon", "03Linear_weight");
    }

    @BeforeAll
    static void train() throws Exception {
        Path text = folder.resolve("text.txt");
        Files.writeString(text, "the cat sat on the mat. ".repeat(100));
        training = output(TrainGpt2::main, text, 40, folder.resolve("zoo"));
        cache = EmptyCache.in(folder.resolve("cache"));
    }

    @AfterAll
    static void close() {
        cache.close();
    }

    @Test
    void whatWasTrainedIsFoundInTheZoo() throws Exception {
        List<Double> losses = numbers("validation loss", training);
        assertThat(losses.get(0)).isGreaterThan(1.5);
        assertThat(losses.get(losses.size() - 1)).isLessThan(0.5);
        assertThat(training).contains("the cat sat");
        String loaded = output(LoadFromZoo::main, folder.resolve("zoo"), "the c");
        assertThat(loaded).startsWith("the cat sat").hasSizeGreaterThan(200);
    }

    /** One word, anywhere, makes the class; texts have 1 to 9 words, of 2 or 3 letters. */
    @Test
    void aPublishedModelLearnsToClassify() throws Exception {
        Random random = new Random(1);
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 200; i++) {
            String word = i % 2 == 0 ? "cat" : "mat";
            lines.append(word).append('\t').append(text(random, word)).append('\n');
        }
        Path file = folder.resolve("texts.tsv");
        Files.writeString(file, lines);
        Path zoo = folder.resolve("zoo");
        String output = output(ClassifyTexts::main, zoo, file, 6, "the cat sat on tea", "mat");
        assertThat(numbers("validation accuracy", output).get(0)).isGreaterThan(0.8);
        assertThat(output.replaceAll("\\s", ""))
                .matches(".*\\[\\{\"className\":\"cat\".*\\[\\{\"className\":\"mat\".*");
    }

    @Test
    void aLineWithoutAClassIsRefused() throws Exception {
        Path file = folder.resolve("wrong.tsv");
        Files.writeString(file, "cat\ta cat\nthe mat\n");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> output(ClassifyTexts::main, "zoo", file, 1, "a cat"))
                .withMessage(file + " must have a class, a tab and a text in each line");
    }

    private static String text(Random random, String word) {
        List<String> words = new ArrayList<>(List.of(word));
        for (int i = random.nextInt(9); i > 0; i--) {
            String other = List.of("the", "sat", "on", "one", "tea").get(random.nextInt(5));
            words.add(random.nextInt(words.size() + 1), other);
        }
        return String.join(" ", words);
    }

    @Test
    void aServedTextIsThatOfThePromptAlone() throws Exception {
        List<String> prompts =
                List.of("t", "the", "the c", "sat on the mat. the", "m", "cat ", "on t", "e");
        ServeFromZoo serving = new ServeFromZoo(folder.resolve("zoo").toString(), 0, 3);
        HttpClient client = HttpClient.newHttpClient();
        try (Predictor<Prompt, String> predictor = serving.model.newPredictor()) {
            List<String> alone = new ArrayList<>();
            for (String prompt : prompts) {
                alone.add(predictor.predict(new Prompt(prompt, piece -> {})));
            }
            int before = serving.model.getNDManager().getManagedArrays().size();
            for (int round = 0; round < 2; round++) {
                List<CompletableFuture<HttpResponse<String>>> answers = // all at once
                        prompts.stream()
                                .map(
                                        p ->
                                                client.sendAsync(
                                                        post(serving, p), BodyHandlers.ofString()))
                                .toList();
                for (int i = 0; i < prompts.size(); i++) {
                    assertThat(answers.get(i).get().statusCode()).isEqualTo(200);
                    assertThat(answers.get(i).get().body()).isEqualTo(alone.get(i)).hasSize(200);
                }
                assertThat(serving.model.getNDManager().getManagedArrays()).hasSize(before);
            }
        } finally {
            serving.stop();
        }
    }

    private static HttpRequest post(ServeFromZoo serving, String text) {
        return request(serving, "POST", text.getBytes(UTF_8));
    }

    private static HttpRequest request(ServeFromZoo serving, String method, byte... text) {
        URI address = URI.create("http://localhost:" + serving.server.getAddress().getPort());
        BodyPublisher body = BodyPublishers.ofByteArray(text);
        return HttpRequest.newBuilder(address).method(method, body).build();
    }

    @Test
    void badRequestsGetALineThatSaysWhy() throws Exception {
        ServeFromZoo serving = new ServeFromZoo(folder.resolve("zoo").toString(), 0, 1);
        try {
            refused(post(serving, ""), "The prompt is empty, but must have at least one token");
            refused(post(serving, "Q"), "Character 'Q' (U+0051) is not among the 11 of this");
            refused(request(serving, "PUT", (byte) 't'), "Send a text with POST, not PUT");
            refused(request(serving, "POST", (byte) 0xff), "The text is not UTF-8");
            refused(post(serving, "t".repeat(70000)), "The text is longer than 65536 bytes");
        } finally {
            serving.stop();
        }
    }

    private static void refused(HttpRequest request, String why) throws Exception {
        HttpResponse<String> answer =
                HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).startsWith(why).endsWith("\n").hasLineCount(1);
    }

    /** A socket sees the pieces as they are sent: chunks of HTTP, each with its length. */
    @Test
    void textStreamsAndStoppingWaitsForItsEnd() throws Exception {
        ServeFromZoo serving = new ServeFromZoo(folder.resolve("zoo").toString(), 0, 1);
        Socket gone = open(serving);
        assertThat(gone.getInputStream().read()).isEqualTo('H'); // its text has begun
        gone.setSoLinger(true, 0);
        gone.close(); // and is left
        String all;
        try (Socket socket = open(serving)) {
            all = (char) socket.getInputStream().read() + "";
            serving.stop();
            all += new String(socket.getInputStream().readAllBytes(), UTF_8);
        }
        assertThat(all).startsWith("HTTP/1.1 200 OK").endsWith("\r\n0\r\n\r\n");
        assertThat(Pattern.compile("\r\n1\r\n.").matcher(all).results()).hasSize(200);
        assertThat(serving.model.getNDManager().isOpen()).isFalse();
    }

    /** Asks for a text. */
    private static Socket open(ServeFromZoo serving) throws IOException {
        Socket socket = new Socket("localhost", serving.server.getAddress().getPort());
        String request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nthe c";
        socket.getOutputStream().write(request.getBytes(UTF_8));
        return socket;
    }

    @Test
    void missingArgumentsAreNamed() {
        for (Program program : List.<Program>of(DropInMuon::main, TrainGpt2::main)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> program.main(new String[0]))
                    .withMessageStartingWith("Give a ");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LoadFromZoo.main(new String[0]))
                .withMessageStartingWith("Give the zoo's folder");
        for (Program program : List.<Program>of(ClassifyTexts::main, ServeFromZoo::main)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> program.main(new String[2]))
                    .withMessageMatching(
                            "Give (a zoo, a file|the zoo's folder or address, a port).*");
        }
    }

    /** JBang takes what a program needs from its first lines; the laboratory is not among it. */
    @Test
    void programsNeedTheLibrariesOnly() throws Exception {
        for (String program : PROGRAMS) {
            String source = Files.readString(SOURCES.resolve(program + ".java"));
            assertThat(source)
                    .startsWith("///usr/bin/env jbang \"$0\" \"$@\" ; exit $?\n//JAVA 17+\n")
                    .contains("//DEPS io.github.djlspectral:djl-spectral:" + VERSION + "@pom\n")
                    .doesNotContain("import io.github.djlspectral.examples");
        }
    }
}

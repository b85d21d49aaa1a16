///usr/bin/env jbang "$0" "$@" ; exit $?
//JAVA 17+
//DEPS io.github.djlspectral:djl-spectral:0.1.0-SNAPSHOT@pom
//DEPS io.github.djlspectral:djl-layers
//DEPS ai.djl.pytorch:pytorch-jni
//DEPS ai.djl.pytorch:pytorch-native-cpu:2.7.1:linux-x86_64
//DEPS org.slf4j:slf4j-simple:2.0.17

package io.github.djlspectral.examples;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.ModelException;
import ai.djl.inference.Predictor;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.github.djlspectral.generate.Prompt;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.zoo.SpectralZoo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Continues the texts that are sent with POST, several at a time by one model, each passed on while
 * it grows. A bad request gets 400 and a line that says why; a text that fails has no proper end.
 *
 * <p>Arguments: the zoo, a folder or an http address; a port of this machine, 0 for any that is
 * free; how many texts to continue at a time, the others wait.
 */
final class ServeFromZoo {

    private static final int MOST_BYTES = 1 << 16;

    final ZooModel<Prompt, String> model;
    final HttpServer server;
    private final ExecutorService threads;
    private final Queue<Predictor<Prompt, String>> idle = new ConcurrentLinkedQueue<>();

    ServeFromZoo(String zoo, int port, int together) throws IOException, ModelException {
        unless(together >= 1, "The number of threads is %s, but must be at least 1", together);
        server = HttpServer.create(new InetSocketAddress("localhost", port), 0);
        threads = Executors.newFixedThreadPool(together);
        Criteria<Prompt, String> criteria =
                Criteria.builder()
                        .setTypes(Prompt.class, String.class)
                        .optModelZoo(SpectralZoo.at(zoo))
                        .optGroupId(SpectralZoo.GROUP)
                        .optArtifactId("gpt2")
                        .optArgument("maxTokens", 200)
                        .build();
        model = criteria.loadModel();
        for (int i = 0; i < together; i++) {
            idle.add(model.newPredictor()); // one per thread
        }
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
    }

    // snippet: serve
    private void answer(HttpExchange exchange) throws IOException {
        Predictor<Prompt, String> predictor = idle.remove();
        try {
            Prompt prompt = new Prompt(read(exchange), piece -> send(exchange, 200, piece));
            predictor.predict(prompt); // sends what is new, piece by piece
            send(exchange, 200, ""); // in case that was nothing
        } catch (TranslateException | BadInputException e) {
            Throwable cause = e instanceof TranslateException ? e.getCause() : e;
            if (exchange.getResponseCode() >= 0 || !(cause instanceof BadInputException)) {
                System.err.println("A text was left: " + e);
                throw new IOException(e); // closes the connection
            }
            send(exchange, 400, cause.getMessage() + "\n");
        } finally {
            idle.add(predictor);
        }
        exchange.close();
    }

    // end

    private static String read(HttpExchange exchange) throws IOException {
        String method = exchange.getRequestMethod();
        unless(method.equals("POST"), "Send a text with POST, not %s", method);
        byte[] text = exchange.getRequestBody().readNBytes(MOST_BYTES + 1);
        unless(text.length <= MOST_BYTES, "The text is longer than %s bytes", MOST_BYTES);
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
        } catch (CharacterCodingException e) {
            throw new BadInputException("The text is not UTF-8", e);
        }
    }

    private static void send(HttpExchange exchange, int status, String piece) {
        try {
            if (exchange.getResponseCode() < 0) {
                exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
                exchange.sendResponseHeaders(status, 0); // of any length
            }
            exchange.getResponseBody().write(piece.getBytes(UTF_8));
            exchange.getResponseBody().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Answers what has come, takes nothing more, and gives everything back. */
    void stop() {
        threads.shutdown();
        try {
            threads.awaitTermination(1, TimeUnit.MINUTES);
            server.stop(0); // who has not read by now is left
            threads.awaitTermination(1, TimeUnit.HOURS);
            idle.forEach(Predictor::close);
            model.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) {
            String rule = "Give the zoo's folder or address, a port, and the number of threads";
            throw new IllegalArgumentException(rule);
        }
        int port = Integer.parseInt(arguments[1]);
        ServeFromZoo serving = new ServeFromZoo(arguments[0], port, Integer.parseInt(arguments[2]));
        Runtime.getRuntime().addShutdownHook(new Thread(serving::stop));
        System.out.println("POST a text to http:/" + serving.server.getAddress());
    }
}

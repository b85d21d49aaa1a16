package io.github.djlspectral.zoo;

import io.github.djlspectral.text.BadInputException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Reads from web servers, which may be slow, silent or gone. */
public final class Http {

    /** The system property with the seconds to wait for a server that says nothing: 30. */
    public static final String TIMEOUT_PROPERTY = "djlspectral.timeout";

    /** What a body must bring in that time; a modem brings a hundred times as much. */
    private static final int LEAST_BYTES = 1 << 10;

    private static final HttpClient CLIENT =
            HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();

    private Http() {}

    /**
     * Asks for a file. The connection, the answer and every {@value #LEAST_BYTES} bytes of the body
     * must come within the seconds of {@link #TIMEOUT_PROPERTY}.
     *
     * @param uri the address, http or https
     * @param headers names and values in turn
     * @return the answer, of any status; the caller closes its body, of which a read that waits too
     *     long throws {@link IOException}
     * @throws IOException if there is no answer
     */
    public static HttpResponse<InputStream> get(URI uri, String... headers) throws IOException {
        Duration patience = patience();
        HttpRequest.Builder request =
                HttpRequest.newBuilder(uri).timeout(patience).header("User-Agent", "djl-spectral");
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        try {
            return CLIENT.send(request.build(), info -> watched(patience));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static BodySubscriber<InputStream> watched(Duration patience) {
        return BodySubscribers.mapping(
                BodySubscribers.ofInputStream(), body -> new WatchedBody(body, patience));
    }

    private static Duration patience() {
        String text = System.getProperty(TIMEOUT_PROPERTY, "30");
        double seconds = text.matches("\\d{1,9}(\\.\\d+)?") ? Double.parseDouble(text) : 0;
        String problem = "-D%s is %s, but must be a number of seconds above 0";
        BadInputException.unless(seconds > 0, problem, TIMEOUT_PROPERTY, text);
        return Duration.ofMillis((long) Math.ceil(seconds * TimeUnit.SECONDS.toMillis(1)));
    }

    /** A body that is closed under a reader who waits for too long: the client has no timeout. */
    private static final class WatchedBody extends FilterInputStream {

        private final Duration patience;
        private long received;
        private long receivedBefore;
        private long waited; // nanoseconds for what came since

        WatchedBody(InputStream body, Duration patience) {
            super(body);
            this.patience = patience;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            long begin = System.nanoTime();
            CompletableFuture<Void> alarm = new CompletableFuture<>();
            alarm.orTimeout(patience.toNanos() - waited, TimeUnit.NANOSECONDS)
                    .exceptionally(this::wakeReader);
            try {
                int read = super.read(bytes, offset, length);
                if (alarm.complete(null)) {
                    received += Math.max(0, read);
                    boolean enough = received - receivedBefore >= LEAST_BYTES;
                    receivedBefore = enough ? received : receivedBefore;
                    waited = enough ? 0 : waited + System.nanoTime() - begin;
                    return read;
                }
            } catch (IOException e) {
                if (alarm.complete(null)) {
                    throw e;
                }
            }
            String problem =
                    "the server brought less than %s bytes in %s s, %s in all; -D%s=<s> waits longer";
            double seconds = patience.toMillis() / 1000.0;
            throw new IOException(
                    problem.formatted(LEAST_BYTES, seconds, received, TIMEOUT_PROPERTY));
        }

        private Void wakeReader(Throwable late) {
            try {
                in.close();
            } catch (IOException e) {
                late.addSuppressed(e); // it is closed all the same
            }
            return null;
        }
    }
}

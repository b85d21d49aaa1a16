package io.github.djlspectral.zoo;

import io.github.djlspectral.text.BadInputException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Reads from web servers, which may be slow, silent or gone. */
public final class Http {

    /** The system property with the seconds to wait for a server that says nothing: 30. */
    public static final String TIMEOUT_PROPERTY = "djlspectral.timeout";

    /** What a body must bring in that time; a modem brings a hundred times as much. */
    private static final int LEAST_BYTES = 1 << 10;

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
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            return Client.HTTP.send(
                    request.build(),
                    info ->
                            HttpResponse.BodySubscribers.mapping(
                                    HttpResponse.BodySubscribers.ofInputStream(),
                                    body -> new WatchedBody(body, patience)));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    private static Duration patience() {
        String text = System.getProperty(TIMEOUT_PROPERTY, "30");
        try {
            long millis = Math.round(Double.parseDouble(text) * TimeUnit.SECONDS.toMillis(1));
            if (millis > 0) {
                return Duration.ofMillis(millis);
            }
        } catch (NumberFormatException e) {
            throw new BadInputException(illegal(text), e);
        }
        throw new BadInputException(illegal(text));
    }

    private static String illegal(String text) {
        return "-D"
                + TIMEOUT_PROPERTY
                + " is "
                + text
                + ", but must be a number of seconds above 0";
    }

    /** The client, with its threads, exists only if something is asked for. */
    private static final class Client {
        static final HttpClient HTTP =
                HttpClient.newBuilder()
                        .followRedirects(HttpClient.Redirect.NORMAL)
                        .connectTimeout(Duration.ofSeconds(20))
                        .build();
        static final ScheduledExecutorService WATCH =
                Executors.newSingleThreadScheduledExecutor(
                        task -> {
                            Thread thread = new Thread(task, "download watch");
                            thread.setDaemon(true);
                            return thread;
                        });
    }

    /** A body that is closed under a reader who waits for too long: the client has no timeout. */
    private static final class WatchedBody extends FilterInputStream {

        private final Duration patience;
        private final ScheduledFuture<?> watch;
        private volatile boolean waiting;
        private volatile boolean stalled;
        private volatile long received;
        private long receivedBefore = -LEAST_BYTES;

        WatchedBody(InputStream body, Duration patience) {
            super(body);
            this.patience = patience;
            long millis = patience.toMillis();
            watch =
                    Client.WATCH.scheduleWithFixedDelay(
                            this::check, millis, millis, TimeUnit.MILLISECONDS);
        }

        private void check() {
            if (waiting && received - receivedBefore < LEAST_BYTES) {
                stalled = true;
                try {
                    super.close(); // wakes the reader
                } catch (IOException e) {
                    watch.cancel(false); // it is closed all the same
                }
            }
            receivedBefore = received;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            waiting = true;
            try {
                int read = super.read(bytes, offset, length);
                if (!stalled) {
                    received += Math.max(0, read);
                    return read;
                }
            } catch (IOException e) {
                if (!stalled) {
                    throw e;
                }
            } finally {
                waiting = false;
            }
            throw new IOException(
                    "the server brought less than "
                            + LEAST_BYTES
                            + " bytes in "
                            + patience.toMillis() / 1000.0
                            + " s, "
                            + received
                            + " in all; -D"
                            + TIMEOUT_PROPERTY
                            + "=<seconds> waits longer");
        }

        @Override
        public void close() throws IOException {
            watch.cancel(false);
            super.close();
        }
    }
}

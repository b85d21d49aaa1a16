package io.github.djlspectral.examples.data;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

/** Serves one file on this machine, with ranges, and misbehaves on demand. */
final class FileServer implements AutoCloseable {

    private final List<String> ranges = new CopyOnWriteArrayList<>();
    private final byte[] content;
    private final HttpServer server;
    private volatile boolean ignoresRanges;
    private volatile int status;
    private volatile int breakAfter;
    private volatile int breaksLeft;
    private volatile boolean stalls;

    FileServer(byte[] content) throws IOException {
        this.content = content;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/data.txt", this::serve);
        server.createContext("/moved", this::redirect);
        server.start();
    }

    URI uri() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/data.txt");
    }

    /** The ranges asked for, in order; "all" where there was none. */
    List<String> ranges() {
        return ranges;
    }

    void ignoreRanges() {
        ignoresRanges = true;
    }

    void answer(int answer) {
        status = answer;
    }

    /** Closes the next connections after some bytes of content. */
    void breakAfter(int bytes, int times) {
        breakAfter = bytes;
        breaksLeft = times;
    }

    /** Says nothing more after the break, for longer than anybody waits, instead of closing. */
    void stallAfter(int bytes) {
        breakAfter(bytes, 1);
        stalls = true;
    }

    private void redirect(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().add("Location", uri().toString());
        exchange.sendResponseHeaders(302, -1);
        exchange.close();
    }

    private void serve(HttpExchange exchange) throws IOException {
        String range =
                Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst("Range"), "all");
        ranges.add(range);
        int from = 0;
        int answer = 200;
        if (!range.equals("all") && !ignoresRanges) {
            from = Integer.parseInt(range.replaceAll("\\D", ""));
            answer = 206;
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + from + "-" + content.length + "/*");
        }
        if (status != 0 || from >= content.length) {
            exchange.sendResponseHeaders(status != 0 ? status : 416, -1);
            exchange.close();
            return;
        }
        int length = content.length - from;
        exchange.sendResponseHeaders(answer, length);
        OutputStream body = exchange.getResponseBody();
        if (breaksLeft > 0) {
            breaksLeft--;
            body.write(content, from, Math.min(breakAfter, length));
            body.flush();
            if (stalls) {
                return; // and the connection stays open
            }
        } else {
            body.write(content, from, length);
        }
        exchange.close();
    }

    @Override
    public void close() {
        server.stop(0);
    }
}

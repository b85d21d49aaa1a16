package io.github.djlspectral.zoo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/** Serves a folder as any static web server does, under /models/, and remembers the requests. */
public final class FolderServer implements AutoCloseable {

    private static final String PREFIX = "/models/";

    private final List<String> requests = new CopyOnWriteArrayList<>();
    private final Path folder;
    private final HttpServer server;
    private volatile int breakAfter = -1;
    private volatile int status;
    private volatile int trickle = -1;

    public FolderServer(Path folder) throws IOException {
        this.folder = folder;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(PREFIX, this::serve);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
    }

    /** The address, without a slash at its end, as people write it. */
    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/models";
    }

    /** The paths asked for since the last call. */
    public List<String> takeRequests() {
        List<String> taken = List.copyOf(requests);
        requests.clear();
        return taken;
    }

    /** Closes connections after so many bytes of a file that is longer. */
    void breakAfter(int bytes) {
        breakAfter = bytes;
    }

    /** After so many bytes, sends few in each 100 ms, or none, instead of closing. */
    void stallAfter(int bytes, int few) {
        breakAfter = bytes;
        trickle = few;
    }

    void answer(int answer) {
        status = answer;
    }

    private void serve(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath().substring(PREFIX.length());
        requests.add(path);
        Path file = folder.resolve(path);
        if (status != 0 || !Files.isRegularFile(file)) {
            exchange.sendResponseHeaders(status != 0 ? status : 404, -1);
        } else {
            byte[] bytes = Files.readAllBytes(file);
            boolean broken = breakAfter >= 0 && bytes.length > breakAfter && path.endsWith(".gz");
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes, 0, broken ? breakAfter : bytes.length);
            exchange.getResponseBody().flush();
            if (broken && trickle >= 0) {
                trickle(exchange.getResponseBody());
                return;
            }
        }
        exchange.close();
    }

    /** Ends when nobody reads any more, which is when a write fails. */
    private void trickle(OutputStream body) throws IOException {
        try {
            while (trickle > 0) {
                Thread.sleep(100); // the slow line that is tested
                body.write(new byte[trickle]);
                body.flush();
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    @Override
    public void close() {
        trickle = 0;
        server.stop(0);
    }
}

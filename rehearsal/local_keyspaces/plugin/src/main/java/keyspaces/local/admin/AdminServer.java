package keyspaces.local.admin;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import keyspaces.local.LocalKeyspaces;
import keyspaces.local.Rule;
import keyspaces.local.capacity.Metrics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What Amazon's service does not have: settings, rules, metrics and faults over HTTP, for tests and rehearsals.
 *
 * <p>It listens on 127.0.0.1 alone, on the port of {@code -Dlocal_keyspaces.admin_port}; without it there is none.
 * {@code GET} and {@code PUT /settings} and {@code /rules}, {@code GET /metrics}, {@code GET}, {@code POST} and
 * {@code DELETE /faults}, {@code DELETE /faults/1}.
 */
public final class AdminServer {
    private static final Logger LOG = LoggerFactory.getLogger(AdminServer.class);
    private static final int OK = 200;
    private static final int CREATED = 201;
    private static final int BAD_REQUEST = 400;
    private static final int NOT_FOUND = 404;
    private static final int SERVER_ERROR = 500;
    private static final int ANSWERERS = 2;

    private final LocalKeyspaces node;
    private final Settings settings;

    private record Answer(int status, Object body) {}

    private AdminServer(LocalKeyspaces node) {
        this.node = node;
        settings = new Settings(node);
    }

    /** @throws UncheckedIOException the port is taken: the node does not start then. */
    public static void start(LocalKeyspaces node) {
        Integer port = Integer.getInteger("local_keyspaces.admin_port");
        if (port == null) return;
        try {
            HttpServer server =
                    HttpServer.create(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port), 0);
            server.createContext("/", new AdminServer(node)::handle);
            server.setExecutor(Executors.newFixedThreadPool(ANSWERERS, task -> {
                Thread thread = new Thread(task, "local-keyspaces-admin");
                thread.setDaemon(true);
                return thread;
            }));
            server.start();
        } catch (IOException error) {
            throw new UncheckedIOException("the admin server can't listen on 127.0.0.1:" + port, error);
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer = answer(exchange);
            byte[] body = Body.write(answer.body);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer.status, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private Answer answer(HttpExchange exchange) throws IOException {
        String asked = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
        try {
            return route(asked, exchange);
        } catch (BadRequest error) {
            return new Answer(BAD_REQUEST, Map.of("error", error.getMessage()));
        } catch (RuntimeException error) {
            // Whatever goes wrong here must not end the thread, and is a fault of ours: the log has it whole.
            LOG.error("{} failed", asked, error);
            return new Answer(SERVER_ERROR, Map.of("error", error.toString()));
        }
    }

    private Answer route(String asked, HttpExchange exchange) throws IOException {
        switch (asked) {
            case "PUT /settings" -> settings.set(Body.read(exchange.getRequestBody()));
            case "PUT /rules" -> turnRules(Body.read(exchange.getRequestBody()));
            case "DELETE /faults" -> node.faults().clear();
            case "POST /faults" -> {
                return new Answer(CREATED, FaultRequests.add(node.faults(), Body.read(exchange.getRequestBody())));
            }
            default -> {
                if (asked.matches("DELETE /faults/\\d{1,18}")) return removeFault(asked);
            }
        }
        return switch (asked) {
            case "GET /settings", "PUT /settings" -> new Answer(OK, settings.all());
            case "GET /rules", "PUT /rules" -> new Answer(OK, rules());
            case "GET /metrics" -> new Answer(OK, Map.of("metrics", Metrics.of(node.capacity())));
            case "GET /faults", "DELETE /faults" -> new Answer(OK, Map.of("faults", FaultRequests.all(node.faults())));
            default -> new Answer(
                    NOT_FOUND,
                    Map.of("error", asked + " is unknown; there are GET and PUT /settings and /rules, GET /metrics, GET,"
                            + " POST and DELETE /faults, DELETE /faults/ID"));
        };
    }

    private Answer removeFault(String asked) {
        long id = Long.parseLong(asked.substring(asked.lastIndexOf('/') + 1));
        return node.faults().remove(id)
                ? new Answer(OK, Map.of("faults", FaultRequests.all(node.faults())))
                : new Answer(NOT_FOUND, Map.of("error", "there is no fault " + id));
    }

    private static Map<String, Object> rules() {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Rule rule : Rule.values()) values.put(rule.id(), rule.on());
        return values;
    }

    private static void turnRules(Body body) {
        body.allow(rules().keySet());
        Map<String, Boolean> changes = new LinkedHashMap<>();
        for (String id : body.names()) changes.put(id, body.flag(id));
        changes.forEach((id, on) -> Rule.byId(id).turn(on));
    }
}

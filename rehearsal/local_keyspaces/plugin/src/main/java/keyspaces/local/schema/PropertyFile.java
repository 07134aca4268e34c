package keyspaces.local.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import keyspaces.local.schema.TableState.Status;

/** The file that keeps table properties over restarts. Replaced whole, so that a kill leaves the old or the new one. */
final class PropertyFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path path;

    PropertyFile(Path path) {
        this.path = path;
    }

    Map<String, TableState> read(DdlStates ddl) {
        Map<String, TableState> states = new HashMap<>();
        if (!Files.exists(path)) return states;
        try {
            JSON.readTree(path.toFile())
                    .properties()
                    .forEach(entry -> states.put(entry.getKey(), state(entry.getValue(), ddl)));
        } catch (IOException error) {
            throw new UncheckedIOException(
                    "can't read the table properties in " + path + ": delete it to begin with the defaults", error);
        }
        return states;
    }

    synchronized void write(Map<String, TableState> states) {
        ObjectNode all = JSON.createObjectNode();
        states.forEach((id, state) -> all.set(id, json(state)));
        Path next = path.resolveSibling(path.getFileName() + ".next");
        try {
            JSON.writerWithDefaultPrettyPrinter().writeValue(next.toFile(), all);
            Files.move(next, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException error) {
            throw new UncheckedIOException("can't keep the table properties in " + path, error);
        }
    }

    private static ObjectNode json(TableState state) {
        ObjectNode node = JSON.createObjectNode();
        node.put("keyspace", state.keyspace).put("table", state.table);
        node.put("status", state.status().name()).put("until_ms", state.untilMillis());
        node.put("pay_per_request_since_ms", state.properties().payPerRequestSinceMillis());
        node.set("custom_properties", JSON.valueToTree(new TreeMap<>(state.properties().custom())));
        return node;
    }

    private static TableState state(JsonNode node, DdlStates ddl) {
        Map<String, Map<String, String>> custom = new HashMap<>();
        node.get("custom_properties").properties().forEach(property -> {
            Map<String, String> members = new HashMap<>();
            property.getValue()
                    .properties()
                    .forEach(member -> members.put(member.getKey(), member.getValue().asText()));
            custom.put(property.getKey(), Map.copyOf(members));
        });
        return new TableState(
                node.get("keyspace").asText(),
                node.get("table").asText(),
                new TableProperties(Map.copyOf(custom), node.get("pay_per_request_since_ms").asLong()),
                Status.valueOf(node.get("status").asText()),
                node.get("until_ms").asLong(),
                ddl);
    }
}

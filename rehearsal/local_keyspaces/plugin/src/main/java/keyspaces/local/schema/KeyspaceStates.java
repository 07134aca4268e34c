package keyspaces.local.schema;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import keyspaces.local.Rule;

/** What is known of keyspaces beside their schema: the replication as declared, and until when they are made. */
public final class KeyspaceStates {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, String> DEFAULT =
            Map.of("class", "SingleRegionStrategy", "replication_factor", "3");

    /** A keyspace: when its making ends (milliseconds since 1970), and the replication as the client wrote it. */
    public record State(long activeAtMillis, Map<String, String> replication) {}

    private final Map<String, State> byName = new ConcurrentHashMap<>();
    private final DdlStates ddl;
    private final Path path;

    public KeyspaceStates(Path path, DdlStates ddl) {
        this.path = path;
        this.ddl = ddl;
        if (Files.exists(path)) byName.putAll(read());
    }

    /** The replication to show: every keyspace of a single Region has three replicas. */
    public Map<String, String> replication(String keyspace) {
        State state = byName.get(keyspace);
        if (state == null || state.replication == null) return DEFAULT;
        Map<String, String> shown = new TreeMap<>(DEFAULT);
        shown.put("class", state.replication.get("class"));
        return shown;
    }

    /** Whether the keyspace has come into being; one that is being made is not shown. */
    public boolean isActive(String keyspace) {
        State state = byName.get(keyspace);
        return state == null || state.activeAtMillis == 0 || ddl.isOver(state.activeAtMillis);
    }

    void requireActive(String keyspace) {
        if (!isActive(keyspace) && Rule.KEYSPACE_NOT_ACTIVE.on())
            throw Rule.KEYSPACE_NOT_ACTIVE.refusal("Keyspace " + keyspace
                    + " is being created; wait until system_schema_mcs.keyspaces shows it");
    }

    void created(String keyspace, Map<String, String> replication) {
        byName.put(keyspace, new State(ddl.takesTime() ? ddl.end() : 0, replication));
        write();
    }

    void dropped(String keyspace) {
        byName.remove(keyspace);
        write();
    }

    private Map<String, State> read() {
        try {
            return JSON.readValue(path.toFile(), new TypeReference<Map<String, State>>() {});
        } catch (IOException error) {
            throw new UncheckedIOException("can't read " + path + ": delete it to begin with the defaults", error);
        }
    }

    private synchronized void write() {
        Path next = path.resolveSibling(path.getFileName() + ".next");
        try {
            JSON.writeValue(next.toFile(), byName);
            Files.move(next, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException error) {
            throw new UncheckedIOException("can't keep the keyspaces' states in " + path, error);
        }
    }
}

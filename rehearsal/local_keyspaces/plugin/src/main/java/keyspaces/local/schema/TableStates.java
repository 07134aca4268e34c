package keyspaces.local.schema;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import keyspaces.local.Clock;
import keyspaces.local.schema.TableState.Status;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.TableMetadata;

/**
 * The states of all tables, kept in a JSON file of the node under Cassandra's table id.
 *
 * <p>A table that is dropped and made anew has another id, and so none of the old one's properties.
 */
public final class TableStates {
    private final Map<String, TableState> byId = new ConcurrentHashMap<>();
    private final DdlStates ddl;
    private final PropertyFile file;

    public TableStates(Path path, DdlStates ddl) {
        this.ddl = ddl;
        file = new PropertyFile(path);
        byId.putAll(file.read(ddl));
    }

    /** The state of a table; a table that nothing was said of has the defaults and is active. */
    public TableState of(TableMetadata table) {
        return byId.computeIfAbsent(
                TableState.key(table),
                id -> new TableState(table.keyspace, table.name, TableProperties.DEFAULT, Status.ACTIVE, 0, ddl));
    }

    /** A table was made: it has these properties, and is CREATING for a while. */
    public void created(TableMetadata table, Map<String, Map<String, String>> custom) {
        TableState state = of(table);
        // On demand from the start counts as a switch to it, provisioned from the start does not.
        boolean onDemand = !new TableProperties(custom, 0).provisioned();
        state.set(new TableProperties(Map.of(), onDemand ? Clock.millis() : 0));
        change(state, Status.CREATING, withDefaultTtl(table, custom));
    }

    /** A table was altered: it has these properties too, and is UPDATING for a while. */
    public void altered(TableMetadata table, Map<String, Map<String, String>> custom) {
        change(of(table), Status.UPDATING, withDefaultTtl(table, custom));
    }

    /** A table is to be dropped: it is DELETING until it is gone. */
    public void deleting(TableMetadata table) {
        TableState state = of(table);
        state.begin(Status.DELETING, ddl.end());
        write();
    }

    /** A table is gone. */
    public void dropped(TableMetadata table) {
        byId.remove(TableState.key(table));
        write();
    }

    /** Forget tables that went with their keyspace. */
    void forgetGone() {
        if (byId.keySet().removeIf(id -> Schema.instance.getTableMetadata(TableId.fromString(id)) == null)) write();
    }

    /** Tables whose deletion is over and that are still there. */
    List<TableMetadata> dueForDrop() {
        List<TableMetadata> due = new ArrayList<>();
        byId.forEach((id, state) -> {
            TableMetadata table = state.isDeletionOver() ? Schema.instance.getTableMetadata(TableId.fromString(id)) : null;
            if (table != null) due.add(table);
        });
        return due;
    }

    /** A default time to live above 0 turns the feature on. Source: TTL-how-to-create-table. */
    private static Map<String, Map<String, String>> withDefaultTtl(
            TableMetadata table, Map<String, Map<String, String>> custom) {
        if (table.params.defaultTimeToLive == 0) return custom;
        Map<String, Map<String, String>> all = new HashMap<>(custom);
        all.put("ttl", Map.of("status", "enabled"));
        return all;
    }

    private void change(TableState state, Status status, Map<String, Map<String, String>> custom) {
        state.set(state.properties().with(custom, Clock.millis()));
        if (ddl.takesTime()) state.begin(status, ddl.end());
        write();
    }

    private void write() {
        file.write(byId);
    }
}

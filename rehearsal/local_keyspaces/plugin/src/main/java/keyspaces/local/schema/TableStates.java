package keyspaces.local.schema;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import keyspaces.local.Clock;
import keyspaces.local.schema.TableState.Status;
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
        change(of(table), Status.CREATING, custom);
    }

    /** A table was altered: it has these properties too, and is UPDATING for a while. */
    public void altered(TableMetadata table, Map<String, Map<String, String>> custom) {
        change(of(table), Status.UPDATING, custom);
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

    private void change(TableState state, Status status, Map<String, Map<String, String>> custom) {
        state.set(state.properties().with(custom, Clock.millis()));
        if (ddl.delayMillis() > 0 || ddl.frozen()) state.begin(status, ddl.end());
        write();
    }

    private void write() {
        file.write(byId);
    }
}

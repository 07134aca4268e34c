package keyspaces.local;

import java.nio.file.Path;
import keyspaces.local.admin.AdminServer;
import keyspaces.local.capacity.Capacity;
import keyspaces.local.faults.Faults;
import keyspaces.local.mcs.LocalTables;
import keyspaces.local.mcs.SystemSchemaMcs;
import keyspaces.local.schema.DdlStates;
import keyspaces.local.schema.DroppedTables;
import keyspaces.local.schema.KeyspaceStates;
import keyspaces.local.schema.SchemaChanges;
import keyspaces.local.schema.TableStates;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The parts of the plug-in, put together once a node. */
public final class LocalKeyspaces {
    private static final Logger LOG = LoggerFactory.getLogger(LocalKeyspaces.class);

    private final DdlStates ddl = new DdlStates();
    private final TableStates tables;
    private final KeyspaceStates keyspaces;
    private final SchemaChanges schema;
    private final Capacity capacity;
    private final Faults faults = new Faults();
    private final RequestGate gate;

    private LocalKeyspaces(Path home) {
        ddl.delay(Long.getLong("local_keyspaces.ddl_delay_ms", 0));
        tables = new TableStates(home.resolve("table-properties.json"), ddl);
        keyspaces = new KeyspaceStates(home.resolve("keyspaces.json"), ddl);
        schema = new SchemaChanges(tables, keyspaces, ddl);
        capacity = new Capacity(Boolean.parseBoolean(System.getProperty("local_keyspaces.capacity", "true")));
        gate = new RequestGate(capacity, faults);
    }

    static LocalKeyspaces start() {
        String home = System.getProperty("local_keyspaces.home");
        if (home == null)
            throw new IllegalStateException("-Dlocal_keyspaces.home is missing: the folder to keep table properties in");
        LocalKeyspaces node = new LocalKeyspaces(Path.of(home));
        CassandraInternals.speakVersion4Only();
        SystemSchemaMcs.register(node);
        LocalTables.register(node);
        new DroppedTables(node.tables).start();
        AdminServer.start(node);
        LOG.info("local Keyspaces enforces {} rules", Rule.values().length);
        return node;
    }

    public TableStates tables() {
        return tables;
    }

    public DdlStates ddl() {
        return ddl;
    }

    public KeyspaceStates keyspaces() {
        return keyspaces;
    }

    SchemaChanges schema() {
        return schema;
    }

    public Capacity capacity() {
        return capacity;
    }

    public Faults faults() {
        return faults;
    }

    RequestGate gate() {
        return gate;
    }
}

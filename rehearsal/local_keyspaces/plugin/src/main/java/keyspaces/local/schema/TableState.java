package keyspaces.local.schema;

import keyspaces.local.Rule;
import org.apache.cassandra.schema.TableMetadata;

/** One table as it is now: its properties and what asynchronous change it is in. */
public final class TableState {
    /** Where a table is on its way. */
    public enum Status {
        CREATING,
        ACTIVE,
        UPDATING,
        DELETING
    }

    public final String keyspace;
    public final String table;
    private final DdlStates ddl;
    private volatile TableProperties properties;
    private volatile boolean clientSideTimestamps;
    private volatile boolean timeToLive;
    private volatile Status change;
    private volatile long untilMillis;

    TableState(String keyspace, String table, TableProperties properties, Status change, long untilMillis, DdlStates ddl) {
        this.keyspace = keyspace;
        this.table = table;
        this.ddl = ddl;
        this.change = change;
        this.untilMillis = untilMillis;
        set(properties);
    }

    public TableProperties properties() {
        return properties;
    }

    public boolean clientSideTimestamps() {
        return clientSideTimestamps;
    }

    public boolean timeToLive() {
        return timeToLive;
    }

    /** Which change it is in, once begun, and until when (milliseconds since 1970). For what is kept over restarts. */
    Status change() {
        return change;
    }

    long untilMillis() {
        return untilMillis;
    }

    public Status status() {
        Status now = change;
        if (now != Status.ACTIVE && now != Status.DELETING && ddl.isOver(untilMillis)) {
            change = Status.ACTIVE;
            return Status.ACTIVE;
        }
        return now;
    }

    void set(TableProperties changed) {
        properties = changed;
        clientSideTimestamps = changed.clientSideTimestamps();
        timeToLive = changed.timeToLive();
    }

    void begin(Status begun, long until) {
        untilMillis = until;
        change = begun;
    }

    /** Refuse a statement on the rows of a table that is not there yet, or not any more. */
    public void requireUsable() {
        if (change == Status.ACTIVE) return;
        Status now = status();
        if ((now == Status.CREATING || now == Status.DELETING) && Rule.TABLE_NOT_ACTIVE.on())
            throw Rule.TABLE_NOT_ACTIVE.refusal("unconfigured table " + table + ": its status is " + now
                    + "; wait until system_schema_mcs.tables says ACTIVE");
    }

    /** Refuse a second change while one goes on. */
    public void requireChangeable() {
        Status now = status();
        if (now != Status.ACTIVE && Rule.TABLE_UPDATING.on())
            throw Rule.TABLE_UPDATING.refusal("Table " + keyspace + "." + table + " can't be changed while its status is "
                    + now + "; wait until system_schema_mcs.tables says ACTIVE");
    }

    boolean isDeletionOver() {
        return change == Status.DELETING && ddl.isOver(untilMillis);
    }

    @Override
    public String toString() {
        return keyspace + "." + table;
    }

    static String key(TableMetadata table) {
        return table.id.toString();
    }
}

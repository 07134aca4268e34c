package keyspaces.local.schema;

import java.util.Map;
import keyspaces.local.CassandraInternals;
import keyspaces.local.Clock;
import keyspaces.local.Rule;
import keyspaces.local.dialect.DialectOptions;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.cql3.statements.schema.AlterTableStatement;
import org.apache.cassandra.cql3.statements.schema.CreateKeyspaceStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTableStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTypeStatement;
import org.apache.cassandra.cql3.statements.schema.DropKeyspaceStatement;
import org.apache.cassandra.cql3.statements.schema.DropTableStatement;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.transport.messages.ResultMessage;

/** Keeps the states of keyspaces and tables in step with statements on the schema. */
public final class SchemaChanges {
    private static final long DAY_MILLIS = 24L * 60 * 60 * 1000;

    private final TableStates tables;
    private final KeyspaceStates keyspaces;
    private final DdlStates ddl;

    public SchemaChanges(TableStates tables, KeyspaceStates keyspaces, DdlStates ddl) {
        this.tables = tables;
        this.keyspaces = keyspaces;
        this.ddl = ddl;
    }

    /**
     * Refuse a change that the state of its keyspace or table does not allow.
     *
     * @return the answer to give at once, without carrying the statement out now; null to carry it out
     */
    public ResultMessage before(AlterSchemaStatement change, DialectOptions said) {
        if (change instanceof CreateTableStatement || change instanceof CreateTypeStatement)
            keyspaces.requireActive(change.keyspace());
        TableMetadata table = table(change);
        if (table == null) return null;
        if (change instanceof AlterTableStatement && !said.tagsOnly()) {
            tables.of(table).requireChangeable();
            checkProperties(tables.of(table), said.customProperties());
        }
        if (change instanceof DropTableStatement) {
            tables.of(table).requireChangeable();
            if (!ddl.takesTime()) return null;
            tables.deleting(table);
            return new ResultMessage.Void();
        }
        return null;
    }

    /** The statement was carried out: note what came of it. */
    public void after(AlterSchemaStatement change, DialectOptions said, ResultMessage answer) {
        boolean changed = answer instanceof ResultMessage.SchemaChange;
        TableMetadata table = table(change);
        if (change instanceof CreateTableStatement && changed) tables.created(table, said.customProperties());
        if (change instanceof AlterTableStatement && table != null && !said.tagsOnly())
            tables.altered(table, said.customProperties());
        if (change instanceof CreateKeyspaceStatement && changed) keyspaces.created(change.keyspace(), said.replication());
        if (change instanceof DropKeyspaceStatement && changed) keyspaces.dropped(change.keyspace());
        tables.forgetGone();
    }

    private static TableMetadata table(CQLStatement change) {
        if (!(change instanceof CreateTableStatement
                || change instanceof AlterTableStatement
                || change instanceof DropTableStatement)) return null;
        AlterSchemaStatement statement = (AlterSchemaStatement) change;
        return Schema.instance.getTableMetadata(
                statement.keyspace(), (String) CassandraInternals.read(statement, "tableName"));
    }

    private static void checkProperties(TableState state, Map<String, Map<String, String>> changes) {
        TableProperties now = state.properties();
        TableProperties next = now.with(changes, 0);
        if (now.clientSideTimestamps() && !next.clientSideTimestamps())
            Rule.CST_NOT_DISABLED.refuse("Client-side timestamps of " + state + " can't be disabled again");
        if (now.timeToLive() && !next.timeToLive())
            Rule.TTL_NOT_DISABLED.refuse("Time to live of " + state + " can't be disabled again");
        long since = Clock.millis() - now.payPerRequestSinceMillis();
        if (now.provisioned() && !next.provisioned() && since < DAY_MILLIS)
            Rule.ON_DEMAND_ONCE_A_DAY.refuse(state + " became PAY_PER_REQUEST " + since / 60_000
                    + " minutes ago; a table can be switched to it once in 24 hours");
    }
}

package keyspaces.local;

import java.util.List;
import keyspaces.local.capacity.TableMeter.Verb;
import keyspaces.local.dialect.DialectOptions;
import keyspaces.local.paging.PagedReads;
import keyspaces.local.rules.ModificationRules;
import keyspaces.local.rules.SelectRules;
import keyspaces.local.rules.StatementRules;
import keyspaces.local.rules.WriteSize;
import keyspaces.local.schema.TableState;
import keyspaces.local.schema.TableStates;
import org.apache.cassandra.cql3.Attributes;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.cql3.statements.StatementType;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.schema.TableMetadata;

/** What of a statement does not depend on the values bound to it. Made once a statement, read at each execution. */
public final class StatementPlan {
    /** Keyspaces that no rule applies to are those of Cassandra itself and of this plug-in. */
    public final boolean exempt;
    /** The table, or null for a batch and for statements on the schema. */
    public final TableMetadata table;
    /** What the node knows of the table as Keyspaces would; null when {@link #table} is. */
    public final TableState state;
    /** USING TIMESTAMP and TTL of a write or a batch; null otherwise. */
    public final Attributes attributes;
    public final boolean timestamp;
    public final boolean timeToLive;
    /** How large a write is; null for others. */
    public final WriteSize size;
    /** IN on the partition key, and on clustering columns. */
    public final boolean partitionIn;
    public final boolean clusteringIn;
    /** A SELECT of WRITETIME(). */
    public final boolean writetime;
    /** A DELETE of a range of rows or of a whole partition. */
    public final boolean rangeDelete;
    /** The verb of a write or a SELECT; null for others. */
    public final Verb verb;
    /** A SELECT of one partition or of a range of them, which this node pages itself. */
    public final boolean paged;
    /** What a statement on the schema said in Keyspaces' dialect. */
    final DialectOptions said;

    private final List<Violation> violations;

    StatementPlan(CQLStatement statement, TableStates states, DialectOptions said) {
        this.said = said;
        exempt = isExempt(statement);
        if (statement instanceof ModificationStatement write) {
            table = write.metadata();
            attributes = CassandraInternals.attributes(write);
        } else if (statement instanceof SelectStatement select) {
            table = select.table;
            attributes = null;
        } else {
            table = null;
            attributes = statement instanceof BatchStatement batch ? CassandraInternals.attributes(batch) : null;
        }
        state = table == null || exempt ? null : states.of(table);
        timestamp = attributes != null && attributes.isTimestampSet();
        timeToLive = attributes != null && attributes.isTimeToLiveSet();
        size = statement instanceof ModificationStatement write && !exempt ? new WriteSize(write, timeToLive) : null;
        partitionIn = statement instanceof SelectStatement select && SelectRules.hasPartitionIn(select);
        clusteringIn = statement instanceof SelectStatement select && SelectRules.hasClusteringIn(select);
        writetime = statement instanceof SelectStatement select && SelectRules.hasWritetime(select);
        rangeDelete = statement instanceof ModificationStatement write && ModificationRules.isRangeDelete(write);
        verb = verb(statement);
        paged = statement instanceof SelectStatement select && !exempt && PagedReads.isPaged(select);
        violations = exempt ? List.of() : StatementRules.violations(statement, this);
    }

    private static Verb verb(CQLStatement statement) {
        if (statement instanceof SelectStatement) return Verb.SELECT;
        if (!(statement instanceof ModificationStatement write)) return null;
        StatementType type = CassandraInternals.type(write);
        if (type.isInsert()) return Verb.INSERT;
        return type.isUpdate() ? Verb.UPDATE : Verb.DELETE;
    }

    /** Refuse a statement that breaks a rule whatever is bound to it. */
    public void refuseViolations() {
        for (int i = 0; i < violations.size(); i++) {
            Violation broken = violations.get(i);
            broken.rule().refuse(broken.message());
        }
    }

    /** Refuse to prepare what breaks a rule, or what may not be prepared. */
    void refusePrepared(CQLStatement statement) {
        if (statement instanceof AlterSchemaStatement)
            Rule.PREPARED_DDL.refuse("Statements on the schema can't be prepared: execute them unprepared");
        refuseViolations();
    }

    /** Whether a keyspace is Cassandra's own or the plug-in's. */
    public static boolean isExempt(String keyspace) {
        return keyspace != null && (keyspace.startsWith("system") || keyspace.equals("local_keyspaces"));
    }

    private static boolean isExempt(CQLStatement statement) {
        if (statement instanceof BatchStatement batch) {
            List<ModificationStatement> parts = batch.getStatements();
            return !parts.isEmpty() && parts.stream().allMatch(part -> isExempt(part.keyspace()));
        }
        return (statement instanceof ModificationStatement || statement instanceof SelectStatement)
                && isExempt(((CQLStatement.SingleKeyspaceCqlStatement) statement).keyspace());
    }
}

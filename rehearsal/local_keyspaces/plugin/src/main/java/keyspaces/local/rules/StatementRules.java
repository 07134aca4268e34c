package keyspaces.local.rules;

import java.util.List;
import java.util.Map;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import keyspaces.local.Violation;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;

/** Which statements there are not. Source: Developer Guide, "Supported Cassandra APIs" (cassandra-apis). */
public final class StatementRules {
    private record Unsupported(Rule rule, String words) {}

    private static final Map<String, Unsupported> UNSUPPORTED = Map.ofEntries(
            entry("CreateIndexStatement", Rule.CREATE_INDEX, "CREATE INDEX"),
            entry("DropIndexStatement", Rule.DROP_INDEX, "DROP INDEX"),
            entry("CreateViewStatement", Rule.CREATE_MATERIALIZED_VIEW, "CREATE MATERIALIZED VIEW"),
            entry("AlterViewStatement", Rule.ALTER_MATERIALIZED_VIEW, "ALTER MATERIALIZED VIEW"),
            entry("DropViewStatement", Rule.DROP_MATERIALIZED_VIEW, "DROP MATERIALIZED VIEW"),
            entry("CreateTriggerStatement", Rule.CREATE_TRIGGER, "CREATE TRIGGER"),
            entry("DropTriggerStatement", Rule.DROP_TRIGGER, "DROP TRIGGER"),
            entry("CreateFunctionStatement", Rule.CREATE_FUNCTION, "CREATE FUNCTION"),
            entry("DropFunctionStatement", Rule.DROP_FUNCTION, "DROP FUNCTION"),
            entry("CreateAggregateStatement", Rule.CREATE_AGGREGATE, "CREATE AGGREGATE"),
            entry("DropAggregateStatement", Rule.DROP_AGGREGATE, "DROP AGGREGATE"),
            entry("AlterTypeStatement", Rule.ALTER_TYPE, "ALTER TYPE"),
            entry("AddField", Rule.ALTER_TYPE, "ALTER TYPE"),
            entry("RenameFields", Rule.ALTER_TYPE, "ALTER TYPE"),
            entry("AlterField", Rule.ALTER_TYPE, "ALTER TYPE"),
            entry("TruncateStatement", Rule.TRUNCATE, "TRUNCATE"),
            entry("DropColumns", Rule.DROP_COLUMN, "ALTER TABLE DROP"),
            entry("RenameColumns", Rule.RENAME_COLUMN, "ALTER TABLE RENAME"),
            entry("AlterColumn", Rule.ALTER_COLUMN_TYPE, "ALTER TABLE ALTER"),
            entry("MaskColumn", Rule.DATA_MASKING, "Dynamic data masking"));

    private StatementRules() {}

    /** What is wrong with this statement whatever is bound. */
    public static List<Violation> violations(CQLStatement statement, StatementPlan plan) {
        if (statement instanceof ModificationStatement write) return ModificationRules.violations(write, plan);
        if (statement instanceof SelectStatement select) return SelectRules.violations(select, plan);
        if (statement instanceof BatchStatement batch) return BatchRules.violations(batch);
        Unsupported found = UNSUPPORTED.get(statement.getClass().getSimpleName());
        if (found != null)
            return List.of(new Violation(found.rule, found.words + " is not supported by Amazon Keyspaces"));
        return SchemaRules.violations(statement);
    }

    private static Map.Entry<String, Unsupported> entry(String statementClass, Rule rule, String words) {
        return Map.entry(statementClass, new Unsupported(rule, words));
    }
}

package keyspaces.local.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import keyspaces.local.CassandraInternals;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import keyspaces.local.Violation;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.functions.Function;
import org.apache.cassandra.cql3.restrictions.StatementRestrictions;
import org.apache.cassandra.cql3.selection.Selection;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.service.ClientState;

/** What a SELECT may not do. Source: Developer Guide, SELECT (cql.dml.select) and functional differences. */
public final class SelectRules {
    /** Subqueries that one SELECT with IN may make. Source: functional-differences, "IN keyword". */
    public static final int MAX_SUBQUERIES = 100;

    private static final Set<String> AGGREGATES =
            Set.of("count", "count_rows", "countrows", "sum", "min", "max", "avg");

    /** Of Cassandra 4.1 and 5.0; Keyspaces has the functions of CQL 3.11. Source: cassandra-apis. */
    private static final Set<String> NEWER_FUNCTIONS =
            Set.of("abs", "exp", "log", "log10", "round", "floor", "map_keys", "map_values");

    private SelectRules() {}

    /** IN on a column of the partition key, which makes a subquery for each partition. */
    public static boolean hasPartitionIn(SelectStatement select) {
        return select.getRestrictions().keyIsInRelation();
    }

    /** IN on a clustering column. Beside token() it is a filter. */
    public static boolean hasClusteringIn(SelectStatement select) {
        StatementRestrictions restrictions = select.getRestrictions();
        return restrictions.clusteringKeyRestrictionsHasIN() && !restrictions.isColumnRange();
    }

    /** WRITETIME() of a column. */
    public static boolean hasWritetime(SelectStatement select) {
        Selection selection = select.getSelection();
        // A selection of plain columns is of another class, and has no such field.
        return selection.getClass().getSimpleName().equals("SelectionWithProcessing")
                && (Boolean.TRUE.equals(CassandraInternals.read(selection, "collectWritetimes"))
                        || Boolean.TRUE.equals(CassandraInternals.read(selection, "collectMaxWritetimes")));
    }

    /** Refuse WRITETIME() of a table without client-side timestamps. */
    public static void checkWritetime(StatementPlan plan) {
        if (plan.writetime && !plan.state.clientSideTimestamps() && Rule.WRITETIME_NEEDS_CST.on())
            throw Rule.WRITETIME_NEEDS_CST.refusal("Client-side timestamps are not enabled on table " + plan.table
                    + ", so WRITETIME is not allowed");
    }

    /** What is wrong with this SELECT whatever is bound. */
    static List<Violation> violations(SelectStatement select, StatementPlan plan) {
        List<Violation> found = new ArrayList<>();
        for (Function function : select.getFunctions()) {
            String name = function.name().name.toLowerCase(Locale.ROOT);
            if (NEWER_FUNCTIONS.contains(name) || name.startsWith("mask_") || name.startsWith("collection_")
                    || name.startsWith("similarity_"))
                found.add(new Violation(Rule.FUNCTION_UNKNOWN_TO_311, "Unknown function '" + name + "'"));
            if (AGGREGATES.contains(name))
                found.add(new Violation(
                        Rule.AGGREGATE_FUNCTION, "Aggregate function " + name + " is not supported: count on the client"));
        }
        if (select.getSelection().isAggregate() && found.isEmpty() || hasGroupBy(select))
            found.add(new Violation(Rule.GROUP_BY, "GROUP BY is not supported"));
        if (CassandraInternals.hasPerPartitionLimit(select))
            found.add(new Violation(Rule.PER_PARTITION_LIMIT, "PER PARTITION LIMIT is not supported"));
        if (select.parameters.isDistinct)
            found.add(new Violation(Rule.SELECT_DISTINCT, "SELECT DISTINCT is not supported"));
        if (hasInBesideToken(select))
            found.add(new Violation(Rule.IN_WITH_TOKEN, "IN is not supported in a statement with token()"));
        return found;
    }

    /** Refuse more subqueries than are allowed: partitions times clustering keys. Returns how many there are. */
    public static int countSubqueries(
            SelectStatement select, StatementPlan plan, QueryOptions options, ClientState client) {
        if (!plan.partitionIn && !plan.clusteringIn) return 1;
        StatementRestrictions restrictions = select.getRestrictions();
        int partitions = plan.partitionIn ? restrictions.getPartitionKeys(options, client).size() : 1;
        int rows = plan.clusteringIn ? restrictions.getClusteringColumns(options, client).size() : 1;
        int subqueries = partitions * rows;
        if (subqueries > MAX_SUBQUERIES && Rule.IN_SUBQUERIES.on())
            throw Rule.IN_SUBQUERIES.refusal("IN makes " + subqueries + " subqueries (" + partitions + " partitions x "
                    + rows + " clustering keys); at most " + MAX_SUBQUERIES + " are allowed");
        return subqueries;
    }

    private static boolean hasGroupBy(SelectStatement select) {
        Object factory = CassandraInternals.read(select, "aggregationSpecFactory");
        return factory != null && factory != org.apache.cassandra.db.aggregation.AggregationSpecification.AGGREGATE_EVERYTHING_FACTORY;
    }

    private static boolean hasInBesideToken(SelectStatement select) {
        StatementRestrictions restrictions = select.getRestrictions();
        Object key = CassandraInternals.partitionKeyRestrictions(restrictions);
        boolean filtered = key.getClass().getSimpleName().equals("TokenFilter");
        if (!filtered && !restrictions.isPartitionKeyRestrictionsOnToken()) return false;
        return restrictions.clusteringKeyRestrictionsHasIN()
                || restrictions.keyIsInRelation()
                || filtered && hasIn(CassandraInternals.read(key, "restrictions"));
    }

    private static boolean hasIn(Object restrictions) {
        return restrictions instanceof org.apache.cassandra.cql3.restrictions.Restrictions some
                && some.getColumnDefs().stream().anyMatch(column -> some.getRestrictions(column).stream()
                        .anyMatch(one -> one instanceof org.apache.cassandra.cql3.restrictions.SingleRestriction single
                                && single.isIN()));
    }
}

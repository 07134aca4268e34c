package keyspaces.local.rules;

import java.util.ArrayList;
import java.util.List;
import keyspaces.local.Clock;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import keyspaces.local.Violation;
import keyspaces.local.schema.TableState;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.DeleteStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.service.QueryState;

/** What an INSERT, UPDATE or DELETE may not do. Source: Developer Guide, quotas and client-side timestamps. */
public final class ModificationRules {
    /** Columns in one INSERT or UPDATE. Source: quotas. */
    public static final int MAX_COLUMNS = 225;
    /** As above, when the statement or the table sets a time to live. Source: quotas. */
    public static final int MAX_COLUMNS_WITH_TTL = 166;
    /** How old a client-side timestamp may be: 2 days. Source: client-side-timestamps-how-it-works. */
    public static final long MAX_AGE_MICROS = 2L * 24 * 60 * 60 * 1_000_000;
    /** How far ahead it may be: 5 minutes. Source: as above. */
    public static final long MAX_AHEAD_MICROS = 5L * 60 * 1_000_000;

    private ModificationRules() {}

    /** A DELETE that covers more than the rows it names. */
    public static boolean isRangeDelete(ModificationStatement write) {
        return write instanceof DeleteStatement
                && !write.metadata().clusteringColumns().isEmpty()
                && (write.hasSlices() || !write.getRestrictions().hasClusteringColumnsRestrictions())
                && write.getStaticOperations().isEmpty()
                && write.getRegularOperations().isEmpty();
    }

    static List<Violation> violations(ModificationStatement write, StatementPlan plan) {
        List<Violation> found = new ArrayList<>();
        if (write.getRestrictions().keyIsInRelation() || write.getRestrictions().clusteringKeyRestrictionsHasIN())
            found.add(new Violation(Rule.IN_ONLY_IN_SELECT, "IN is supported in SELECT only, not in UPDATE or DELETE"));
        int columns = com.google.common.collect.Iterables.size(write.updatedColumns());
        if (!(write instanceof DeleteStatement)) columns += com.google.common.collect.Iterables.size(write.metadata().primaryKeyColumns());
        boolean ttl = plan.timeToLive || write.metadata().params.defaultTimeToLive > 0;
        if (ttl && columns > MAX_COLUMNS_WITH_TTL)
            found.add(new Violation(
                    Rule.COLUMNS_PER_STATEMENT_TTL,
                    "The statement writes " + columns + " columns with a time to live; at most " + MAX_COLUMNS_WITH_TTL
                            + " are allowed"));
        if (columns > MAX_COLUMNS)
            found.add(new Violation(
                    Rule.COLUMNS_PER_STATEMENT,
                    "The statement writes " + columns + " columns; at most " + MAX_COLUMNS + " are allowed"));
        return found;
    }

    /** Refuse a timestamp or a time to live that the table does not take. */
    public static void check(ModificationStatement write, StatementPlan plan, QueryState query, QueryOptions options) {
        TableState table = plan.state;
        if (plan.timeToLive && !table.timeToLive()) refuseTimeToLive(plan);
        if (plan.timestamp) {
            // An unset marker leaves the timestamp to the driver or the server.
            checkTimestamp(plan, plan.attributes.getTimestamp(options.getTimestamp(query), options));
        } else if (table.clientSideTimestamps()) {
            checkTimestamp(plan, options.getTimestamp(query));
        }
    }

    /** Refuse a timestamp on a table without client-side timestamps, or outside of the window. */
    public static void checkTimestamp(StatementPlan plan, long micros) {
        if (!plan.state.clientSideTimestamps()) {
            if (Rule.TIMESTAMP_NEEDS_CST.on())
                throw Rule.TIMESTAMP_NEEDS_CST.refusal("Client-side timestamps are not enabled on table " + plan.table
                        + ", so USING TIMESTAMP is not allowed. Enable them with CUSTOM_PROPERTIES = "
                        + "{'client_side_timestamps': {'status': 'enabled'}}");
            return;
        }
        long now = Clock.micros();
        if ((micros < now - MAX_AGE_MICROS || micros > now + MAX_AHEAD_MICROS) && Rule.TIMESTAMP_WINDOW.on())
            throw Rule.TIMESTAMP_WINDOW.refusal("Timestamp " + micros + " us of a write to " + plan.table
                    + " is not within 2 days in the past and 5 minutes in the future of " + now + " us");
    }

    private static void refuseTimeToLive(StatementPlan plan) {
        if (Rule.TTL_NEEDS_TABLE_SETTING.on())
            throw Rule.TTL_NEEDS_TABLE_SETTING.refusal("Time to live is not enabled on table " + plan.table
                    + ". Enable it with CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}");
    }
}

package keyspaces.local.rules;

import java.nio.ByteBuffer;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.db.ReadExecutionController;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.Slices;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.service.QueryState;

/** How many rows one DELETE may take away. Source: Developer Guide, functional differences, "Range delete". */
public final class RangeDeletes {
    public static final int MAX_ROWS = 1000;

    private RangeDeletes() {}

    /** Refuse a DELETE whose range holds more rows than are allowed: they are counted by reading them here. */
    public static void check(ModificationStatement delete, StatementPlan plan, QueryState query, QueryOptions options) {
        if (!plan.rangeDelete || !Rule.RANGE_DELETE_ROWS.on()) return;
        Slices slices = delete.hasSlices() ? delete.createSlices(options) : Slices.ALL;
        for (ByteBuffer key : delete.buildPartitionKeyNames(options, query.getClientState())) {
            if (countRows(SinglePartitionReadCommand.create(plan.table, query.getNowInSeconds(), key, slices)) > MAX_ROWS)
                throw Rule.RANGE_DELETE_ROWS.refusal("The range of a DELETE from " + plan.table + " holds more than "
                        + MAX_ROWS + " rows; delete it in smaller ranges");
        }
    }

    private static int countRows(SinglePartitionReadCommand read) {
        int rows = 0;
        try (ReadExecutionController controller = read.executionController();
                PartitionIterator partitions = read.executeInternal(controller)) {
            while (partitions.hasNext()) {
                try (RowIterator partition = partitions.next()) {
                    for (; partition.hasNext() && rows <= MAX_ROWS; rows++) partition.next();
                }
            }
        }
        return rows;
    }
}

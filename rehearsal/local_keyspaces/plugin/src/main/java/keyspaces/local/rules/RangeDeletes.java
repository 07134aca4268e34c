package keyspaces.local.rules;

import java.nio.ByteBuffer;
import java.util.List;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.db.ClusteringBound;
import org.apache.cassandra.db.ReadExecutionController;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.Slice;
import org.apache.cassandra.db.Slices;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.exceptions.InvalidRequestException;
import org.apache.cassandra.service.QueryState;

/** How many rows one DELETE may take away. Source: Developer Guide, functional differences, "Range delete". */
public final class RangeDeletes {
    public static final int MAX_ROWS = 1000;

    private RangeDeletes() {}

    /**
     * Refuse a DELETE whose range holds more rows than are allowed: they are counted by reading them here.
     *
     * <p>Returns how many rows it deletes; 1 for a DELETE of a row, and for ranges while the rule is off.
     */
    public static int check(ModificationStatement delete, StatementPlan plan, QueryState query, QueryOptions options) {
        if (!plan.rangeDelete) return 1;
        Slices slices = delete.hasSlices() ? delete.createSlices(options) : Slices.ALL;
        refuseNullBounds(slices);
        if (!Rule.RANGE_DELETE_ROWS.on()) return 1;
        int all = 0;
        for (ByteBuffer key : delete.buildPartitionKeyNames(options, query.getClientState())) {
            int rows = countRows(SinglePartitionReadCommand.create(plan.table, query.getNowInSeconds(), key, slices));
            if (rows > MAX_ROWS)
                throw Rule.RANGE_DELETE_ROWS.refusal("The range of a DELETE from " + plan.table + " holds more than "
                        + MAX_ROWS + " rows; delete it in smaller ranges");
            all += rows;
        }
        return Math.max(1, all);
    }

    /** Cassandra 5.0.6 takes a null for a bound, and then fails where it puts the range into its memtable. */
    private static void refuseNullBounds(Slices slices) {
        for (Slice slice : slices)
            for (ClusteringBound<?> bound : List.of(slice.start(), slice.end()))
                for (ByteBuffer value : bound.getBufferArray())
                    if (value == null) throw new InvalidRequestException("Invalid null value for a bound of a range");
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

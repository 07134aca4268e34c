package keyspaces.local.paging;

import keyspaces.local.capacity.StoredRow;
import org.apache.cassandra.db.DecoratedKey;
import org.apache.cassandra.db.RegularAndStaticColumns;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.schema.TableMetadata;

/**
 * What one page may read: rows and bytes, whether they are returned or not. Lets rows through until it is used up.
 *
 * <p>The row that passes the limit of bytes is still let through, so that each page gets on.
 */
final class ReadBudget {
    private final TableMetadata table;
    private final int maxRows;
    private final long maxBytes;
    private int rows;
    private long bytes;
    private DecoratedKey lastKey;
    private Row lastRow;

    ReadBudget(TableMetadata table, int maxRows, long maxBytes) {
        this.table = table;
        this.maxRows = maxRows;
        this.maxBytes = maxBytes;
    }

    boolean usedUp() {
        return rows >= maxRows || bytes >= maxBytes;
    }

    int rows() {
        return rows;
    }

    long bytes() {
        return bytes;
    }

    /** The partition of the row that was read last; null when none was read. */
    DecoratedKey lastKey() {
        return lastKey;
    }

    /** The row that was read last: a static one where a partition has no other. */
    Row lastRow() {
        return lastRow;
    }

    /** About how many rows the budget has left, judged by those that were read; {@code first} when none was. */
    int rowsLeft(int first) {
        if (rows == 0) return Math.min(first, maxRows);
        long byBytes = (maxBytes - bytes) / Math.max(1, bytes / rows) + 1;
        return (int) Math.max(1, Math.min(maxRows - rows, byBytes));
    }

    /** The same partitions, ending when the budget is used up. */
    PartitionIterator limit(PartitionIterator partitions) {
        return new PartitionIterator() {
            @Override
            public boolean hasNext() {
                return !usedUp() && partitions.hasNext();
            }

            @Override
            public RowIterator next() {
                return new Limited(partitions.next());
            }

            @Override
            public void close() {
                partitions.close();
            }
        };
    }

    private void read(DecoratedKey key, Row row) {
        rows++;
        bytes += StoredRow.bytes(table, key.getKey(), row);
        lastKey = key;
        lastRow = row;
    }

    private final class Limited implements RowIterator {
        private final RowIterator partition;

        Limited(RowIterator partition) {
            this.partition = partition;
            if (!partition.hasNext()) read(partition.partitionKey(), partition.staticRow());
            else if (!partition.staticRow().isEmpty())
                bytes += StoredRow.bytes(table, partition.partitionKey().getKey(), partition.staticRow());
            first = true;
        }

        /** A partition that was begun has one row at least: its static data must not be taken for all of it. */
        private boolean first;

        @Override
        public boolean hasNext() {
            return (first || !usedUp()) && partition.hasNext();
        }

        @Override
        public Row next() {
            first = false;
            Row row = partition.next();
            read(partition.partitionKey(), row);
            return row;
        }

        @Override
        public TableMetadata metadata() {
            return partition.metadata();
        }

        @Override
        public boolean isReverseOrder() {
            return partition.isReverseOrder();
        }

        @Override
        public RegularAndStaticColumns columns() {
            return partition.columns();
        }

        @Override
        public DecoratedKey partitionKey() {
            return partition.partitionKey();
        }

        @Override
        public Row staticRow() {
            return partition.staticRow();
        }

        @Override
        public void close() {
            partition.close();
        }
    }
}

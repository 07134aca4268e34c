package keyspaces.local.capacity;

import java.nio.ByteBuffer;
import keyspaces.local.rules.WriteSize;
import org.apache.cassandra.db.marshal.CompositeType;
import org.apache.cassandra.db.rows.ColumnData;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.schema.TableMetadata;

/** The size of rows that are read, by the documented formula. Time to live is not added: it is small, and was not read. */
public final class StoredRow {
    private StoredRow() {}

    /** Bytes of a row of a partition, as metered; of what was read of it, so nothing for columns left out. */
    public static int bytes(TableMetadata table, ByteBuffer partitionKey, Row row) {
        RowSize size = new RowSize(table.columns().size());
        if (table.partitionKeyType instanceof CompositeType composite) {
            ByteBuffer[] parts = composite.split(partitionKey);
            for (int i = 0; i < parts.length; i++)
                size.partitionKey(WriteSize.bytes(table.partitionKeyColumns().get(i).type, parts[i]));
        } else {
            size.partitionKey(WriteSize.bytes(table.partitionKeyType, partitionKey));
        }
        if (!row.isStatic()) {
            ByteBuffer[] clustering = row.clustering().getBufferArray();
            for (int i = 0; i < clustering.length; i++)
                size.clustering(WriteSize.bytes(table.clusteringColumns().get(i).type, clustering[i]));
        }
        for (ColumnData data : row) WriteSize.addData(size, data);
        return size.throughputBytes();
    }
}

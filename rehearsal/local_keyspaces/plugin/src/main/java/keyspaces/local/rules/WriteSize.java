package keyspaces.local.rules;

import com.google.common.collect.Sets;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import keyspaces.local.Rule;
import keyspaces.local.StatementPlan;
import keyspaces.local.capacity.RowSize;
import org.apache.cassandra.cql3.Attributes;
import org.apache.cassandra.cql3.BatchQueryOptions;
import org.apache.cassandra.cql3.ColumnSpecification;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.VariableSpecifications;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.DeleteStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.db.IMutation;
import org.apache.cassandra.db.marshal.AbstractType;
import org.apache.cassandra.db.marshal.ByteType;
import org.apache.cassandra.db.marshal.CollectionType;
import org.apache.cassandra.db.marshal.Int32Type;
import org.apache.cassandra.db.marshal.LongType;
import org.apache.cassandra.db.marshal.ShortType;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.utils.ByteBufferUtil;

/**
 * The sizes of what one statement writes, by the documented formula.
 *
 * <p>Where each column has a bind marker of its own, as in every bulk load, they are added up from the bound values;
 * otherwise the mutation is built and looked at. One per statement; holds no state between executions.
 */
public final class WriteSize {
    private final ModificationStatement write;
    private final TableMetadata table;
    private final int columns;
    private final boolean timeToLive;
    /** The column that each bind marker is for; null when markers alone do not tell the row. */
    private final ColumnMetadata[] markers;

    /** Which markers are of a type that is metered by its digits. */
    private final boolean[] integers;

    private final boolean writesStatic;

    /** The sizes of one row. All in bytes, as metered for throughput. */
    public record Sizes(int row, int staticData, int partitionKey, int clusteringKey) {}

    public WriteSize(ModificationStatement write, boolean timeToLive) {
        this.write = write;
        this.timeToLive = timeToLive;
        table = write.metadata();
        columns = table.columns().size();
        markers = markersOfColumns(write);
        integers = new boolean[markers == null ? 0 : markers.length];
        for (int i = 0; i < integers.length; i++) integers[i] = markers[i] != null && isInteger(markers[i].type);
        writesStatic = write.updatesStaticRow();
    }

    /** The sizes of what is written with these values. */
    public Sizes measure(QueryState query, QueryOptions options) {
        List<ByteBuffer> values = options.getValues();
        if (markers == null || values.size() != markers.length) return measureMutation(query, options);
        RowSize row = new RowSize(columns);
        RowSize fixed = writesStatic ? new RowSize(columns) : null;
        int partitionKey = 0;
        int clusteringKey = 0;
        int cells = 0;
        for (int i = 0; i < markers.length; i++) {
            ColumnMetadata column = markers[i];
            ByteBuffer value = values.get(i);
            if (column == null || value == ByteBufferUtil.UNSET_BYTE_BUFFER) continue;
            switch (column.kind) {
                case PARTITION_KEY -> {
                    int bytes = bytes(integers[i], value);
                    row.partitionKey(bytes);
                    if (writesStatic) fixed.partitionKey(bytes);
                    if (value != null) partitionKey += value.remaining();
                }
                case CLUSTERING -> {
                    row.clustering(bytes(integers[i], value));
                    if (value != null) clusteringKey += value.remaining();
                }
                case STATIC -> add(fixed, column, integers[i], value);
                case REGULAR -> {
                    add(row, column, integers[i], value);
                    cells++;
                }
                default -> {}
            }
        }
        if (timeToLive) row.timeToLive(cells);
        return new Sizes(
                row.throughputBytes(), writesStatic ? fixed.throughputBytes() : 0, partitionKey, clusteringKey);
    }

    /** Refuse what is larger than a row, its keys or a partition's static data may be. */
    public static void check(StatementPlan plan, Sizes sizes) {
        refuse(Rule.PARTITION_KEY_SIZE, plan, "The partition key", sizes.partitionKey, MAX_PARTITION_KEY);
        refuse(Rule.CLUSTERING_KEY_SIZE, plan, "The clustering key", sizes.clusteringKey, MAX_CLUSTERING_KEY);
        refuse(Rule.ROW_SIZE, plan, "The row", sizes.row, MAX_ROW);
        refuse(Rule.STATIC_SIZE, plan, "The static data", sizes.staticData, MAX_ROW);
    }

    /** Bytes of a row, and of a partition's static data. Source: quotas. */
    public static final int MAX_ROW = 1 << 20;
    /** Bytes of the values of the partition key's columns together. Source: quotas. */
    public static final int MAX_PARTITION_KEY = 2048;
    /** Bytes of the values of the clustering columns together. Source: quotas. */
    public static final int MAX_CLUSTERING_KEY = 850;

    private static void refuse(Rule rule, StatementPlan plan, String what, int bytes, int allowed) {
        if (bytes > allowed && rule.on())
            throw rule.refusal(what + " of a write to " + plan.table + " has " + bytes + " bytes; at most " + allowed
                    + " are allowed");
    }

    private static ColumnMetadata[] markersOfColumns(ModificationStatement write) {
        List<ColumnSpecification> variables = write.getBindVariables();
        if (variables.isEmpty() || write instanceof DeleteStatement || write.requiresRead() || write.isCounter())
            return null;
        ColumnMetadata[] found = new ColumnMetadata[variables.size()];
        Set<ColumnMetadata> missing = Sets.newHashSet(write.updatedColumns());
        write.metadata().partitionKeyColumns().forEach(missing::add);
        if (write.updatesRegularRows() || !write.updatesStaticRow())
            write.metadata().clusteringColumns().forEach(missing::add);
        for (int i = 0; i < found.length; i++) {
            ColumnMetadata column = write.metadata().getColumn(variables.get(i).name);
            // A marker inside an expression has another name or type than its column.
            if (column != null && column.type.equals(variables.get(i).type) && missing.remove(column)) found[i] = column;
        }
        return missing.isEmpty() ? found : null;
    }

    private Sizes measureMutation(QueryState query, QueryOptions options) {
        if (write.requiresRead() || write.isCounter() || write.isVirtual() || write.hasConditions()
                || write.hasSlices()) return new Sizes(0, 0, 0, 0);
        BatchStatement one = new BatchStatement(
                BatchStatement.Type.UNLOGGED, VariableSpecifications.empty(), List.of(write), Attributes.none());
        Sizes largest = new Sizes(0, 0, 0, 0);
        for (IMutation mutation : one.getMutations(
                query.getClientState(),
                BatchQueryOptions.withoutPerStatementVariables(options),
                true,
                query.getTimestamp(),
                query.getNowInSeconds(),
                Dispatcher.RequestTime.forImmediateExecution()))
            for (PartitionUpdate update : mutation.getPartitionUpdates()) largest = max(largest, measure(update));
        return largest;
    }

    private Sizes measure(PartitionUpdate update) {
        ByteBuffer[] key = table.partitionKeyColumns().size() == 1
                ? new ByteBuffer[] {update.partitionKey().getKey()}
                : ((org.apache.cassandra.db.marshal.CompositeType) table.partitionKeyType)
                        .split(update.partitionKey().getKey());
        RowSize fixed = new RowSize(columns);
        int partitionKey = addKey(fixed, key);
        for (org.apache.cassandra.db.rows.ColumnData data : update.staticRow()) addData(fixed, data);
        int staticBytes = update.staticRow().isEmpty() ? 0 : fixed.throughputBytes();
        Sizes largest = new Sizes(0, staticBytes, partitionKey, 0);
        for (Row row : update) largest = max(largest, measure(row, key, staticBytes));
        return largest;
    }

    private Sizes measure(Row row, ByteBuffer[] key, int staticBytes) {
        RowSize size = new RowSize(columns);
        int partitionKey = addKey(size, key);
        int clusteringKey = 0;
        ByteBuffer[] clustering = row.clustering().getBufferArray();
        for (int i = 0; i < clustering.length; i++) {
            size.clustering(bytes(table.clusteringColumns().get(i).type, clustering[i]));
            if (clustering[i] != null) clusteringKey += clustering[i].remaining();
        }
        int cells = 0;
        for (org.apache.cassandra.db.rows.ColumnData data : row) cells += addData(size, data);
        if (timeToLive) size.timeToLive(cells);
        return new Sizes(size.throughputBytes(), staticBytes, partitionKey, clusteringKey);
    }

    private int addKey(RowSize size, ByteBuffer[] key) {
        int bytes = 0;
        for (int i = 0; i < key.length; i++) {
            size.partitionKey(bytes(table.partitionKeyColumns().get(i).type, key[i]));
            bytes += key[i].remaining();
        }
        return bytes;
    }

    /** Add a column of a stored row; returns how many cells it has. */
    public static int addData(RowSize size, org.apache.cassandra.db.rows.ColumnData data) {
        if (data instanceof org.apache.cassandra.db.rows.Cell<?> cell) {
            size.regular(bytes(cell.column().type, cell.isTombstone() ? null : cell.buffer()));
            return 1;
        }
        int elements = 0;
        int bytes = 0;
        for (org.apache.cassandra.db.rows.Cell<?> cell : (org.apache.cassandra.db.rows.ComplexColumnData) data) {
            elements++;
            bytes += cell.valueSize() + (data.column().type instanceof org.apache.cassandra.db.marshal.MapType<?, ?>
                            || data.column().type instanceof org.apache.cassandra.db.marshal.SetType<?>
                    ? cell.path().dataSize()
                    : 0);
        }
        size.collection(elements, bytes);
        return elements;
    }

    private static void add(RowSize size, ColumnMetadata column, boolean integer, ByteBuffer value) {
        if (value != null && column.type instanceof CollectionType<?> collection && value.remaining() >= Integer.BYTES) {
            int elements = value.getInt(value.position());
            int lengths = collection.kind == CollectionType.Kind.MAP ? 2 * elements : elements;
            size.collection(elements, value.remaining() - Integer.BYTES * (1 + lengths));
        } else {
            size.regular(bytes(integer, value));
        }
    }

    /** Bytes of a value as metered: integers by their digits, a null 1, all else by their length on the wire. */
    public static int bytes(AbstractType<?> type, ByteBuffer value) {
        return bytes(isInteger(type), value);
    }

    private static int bytes(boolean integer, ByteBuffer value) {
        if (value == null) return 1;
        int length = value.remaining();
        if (!integer) return length;
        int at = value.position();
        return switch (length) {
            case Byte.BYTES -> RowSize.integerBytes(value.get(at));
            case Short.BYTES -> RowSize.integerBytes(value.getShort(at));
            case Integer.BYTES -> RowSize.integerBytes(value.getInt(at));
            case Long.BYTES -> RowSize.integerBytes(value.getLong(at));
            default -> length;
        };
    }

    private static boolean isInteger(AbstractType<?> type) {
        AbstractType<?> plain = type.unwrap();
        return plain == Int32Type.instance
                || plain == LongType.instance
                || plain == ShortType.instance
                || plain == ByteType.instance;
    }

    private static Sizes max(Sizes one, Sizes other) {
        return new Sizes(
                Math.max(one.row, other.row),
                Math.max(one.staticData, other.staticData),
                Math.max(one.partitionKey, other.partitionKey),
                Math.max(one.clusteringKey, other.clusteringKey));
    }
}

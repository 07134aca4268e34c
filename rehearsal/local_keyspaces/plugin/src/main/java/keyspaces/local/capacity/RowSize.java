package keyspaces.local.capacity;

/**
 * The size of a row as Amazon Keyspaces meters it, in bytes.
 *
 * <p>Source: AWS Developer Guide, "Calculate row size in Amazon Keyspaces" (calculating-row-size). The page gives no
 * figure for float, double, timestamp, date, time, uuid, inet and decimal: their length on the wire is taken.
 *
 * <p>Pure: one instance adds up one row, column by column, and may be reset and used again.
 */
public final class RowSize {
    /** What a stored row takes on top of what a request is metered by. */
    public static final int STORAGE_OVERHEAD = 100;
    /** What the static data of a partition takes on top of its key and values. */
    public static final int STATIC_OVERHEAD = 104;
    /** What each column with a time to live takes, and the row itself. */
    public static final int TTL_OVERHEAD = 8;

    private static final int COLUMNS_PER_IDENTIFIER_BYTE = 62;
    private static final int PARTITION_KEY_OVERHEAD = 3;
    private static final int COLLECTION_OVERHEAD = 3;
    private static final int ELEMENT_OVERHEAD = 1;
    private static final int DECIMAL = 10;
    private static final int CLUSTERING_INDEX_SHARE = 5;

    private final int identifier;
    private int bytes;

    /** @param tableColumns how many columns the table has; the more, the longer each one's identifier. */
    public RowSize(int tableColumns) {
        identifier = identifierBytes(tableColumns);
    }

    /** Bytes of a column's identifier: 1 up to 62 columns, 2 up to 124, and so on. */
    public static int identifierBytes(int tableColumns) {
        if (tableColumns < 1) throw new IllegalArgumentException("a table has at least one column, not " + tableColumns);
        return (tableColumns + COLUMNS_PER_IDENTIFIER_BYTE - 1) / COLUMNS_PER_IDENTIFIER_BYTE;
    }

    /**
     * Bytes of an int, bigint, smallint, tinyint or varint: about one for two significant decimal digits, and one.
     *
     * <p>The sign counts nothing; "approximately" is the guide's own word.
     */
    public static int integerBytes(long value) {
        int digits = 1;
        for (long rest = value / DECIMAL; rest != 0; rest /= DECIMAL) digits++;
        return (digits + 1) / 2 + 1;
    }

    /** Add a column of the partition key. */
    public RowSize partitionKey(int valueBytes) {
        return add(2 * valueBytes + identifier + PARTITION_KEY_OVERHEAD);
    }

    /** Add a clustering column. */
    public RowSize clustering(int valueBytes) {
        int index = (valueBytes + CLUSTERING_INDEX_SHARE - 1) / CLUSTERING_INDEX_SHARE;
        return add(2 * valueBytes + index + identifier);
    }

    /** Add a regular column with one value. A null takes 1 byte. */
    public RowSize regular(int valueBytes) {
        return add(valueBytes + identifier);
    }

    /** Add a list, set or map: {@code valueBytes} are those of its elements together. */
    public RowSize collection(int elements, int valueBytes) {
        return add(identifier + COLLECTION_OVERHEAD + valueBytes + elements * ELEMENT_OVERHEAD);
    }

    /** Add the time to live of the row and of so many columns, or elements of collections that are not frozen. */
    public RowSize timeToLive(int cells) {
        return add(TTL_OVERHEAD * (1 + cells));
    }

    /** What a request for this row is metered by. */
    public int throughputBytes() {
        return bytes;
    }

    /** What this row takes in the table. */
    public int storageBytes() {
        return bytes + STORAGE_OVERHEAD;
    }

    /** Begin anew. */
    public RowSize reset() {
        bytes = 0;
        return this;
    }

    private RowSize add(int more) {
        bytes = Math.addExact(bytes, more);
        return this;
    }
}

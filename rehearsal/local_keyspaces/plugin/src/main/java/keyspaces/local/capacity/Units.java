package keyspaces.local.capacity;

import org.apache.cassandra.db.ConsistencyLevel;

/** Units from bytes. Source: ReadWriteCapacityMode.Provisioned. */
public final class Units {
    private static final int WRITE_BYTES = 1024;
    private static final int READ_BYTES = 4096;
    private static final double HALF = 0.5;

    private Units() {}

    /** Write units of a row: 1 for each KB begun, 1 at least. */
    public static int ofWrite(int bytes) {
        return Math.max(1, (bytes + WRITE_BYTES - 1) / WRITE_BYTES);
    }

    /**
     * Write units of a statement. Static data is metered apart from the row; a write of static data alone has no row.
     *
     * @param writes underlying writes of each row: 2 in a LOGGED batch, 1 otherwise
     */
    public static int ofWrite(int rowBytes, int staticBytes, boolean staticOnly, int writes) {
        int row = staticOnly ? 0 : ofWrite(rowBytes);
        return writes * (row + (staticBytes > 0 ? ofWrite(staticBytes) : 0));
    }

    /** Read units of what one request read together: 1 for each 4 KB begun, 1 at least, half of it below LOCAL_QUORUM. */
    public static double ofRead(long bytes, ConsistencyLevel consistency) {
        long whole = Math.max(1, (bytes + READ_BYTES - 1) / READ_BYTES);
        return consistency == ConsistencyLevel.LOCAL_QUORUM ? whole : whole * HALF;
    }
}

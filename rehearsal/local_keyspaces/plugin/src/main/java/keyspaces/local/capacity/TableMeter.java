package keyspaces.local.capacity;

import java.util.concurrent.atomic.LongAdder;
import keyspaces.local.capacity.Throughput.Cause;
import keyspaces.local.schema.TableState;

/** What was asked of one table since the node started, and what it still may give. */
public final class TableMeter {
    /** The CQL verb of a request: the dimension Operation of the metrics. */
    public enum Verb {
        SELECT,
        INSERT,
        UPDATE,
        DELETE
    }

    final TableState table;
    final Throughput reads;
    final Throughput writes;
    final LongAdder writeUnits = new LongAdder();
    /** In halves: a read at LOCAL_ONE takes half a unit. */
    final LongAdder readHalves = new LongAdder();

    final LongAdder conditionsFailed = new LongAdder();
    private final LongAdder[][] throttled = adders(Cause.values().length);
    private final LongAdder[][] counts = adders(Count.values().length);

    /** What is counted a verb. */
    enum Count {
        SUCCESSES,
        LATENCY_MICROS,
        USER_ERRORS,
        SYSTEM_ERRORS
    }

    TableMeter(TableState table, long nowNanos) {
        this.table = table;
        reads = new Throughput(false, table.properties(), nowNanos);
        writes = new Throughput(true, table.properties(), nowNanos);
    }

    LongAdder throttled(Cause cause, Verb verb) {
        return throttled[cause.ordinal()][verb.ordinal()];
    }

    LongAdder count(Count what, Verb verb) {
        return counts[what.ordinal()][verb.ordinal()];
    }

    private static LongAdder[][] adders(int rows) {
        LongAdder[][] made = new LongAdder[rows][Verb.values().length];
        for (LongAdder[] row : made) for (int i = 0; i < row.length; i++) row[i] = new LongAdder();
        return made;
    }
}

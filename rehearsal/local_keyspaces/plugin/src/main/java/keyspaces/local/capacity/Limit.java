package keyspaces.local.capacity;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/** A figure that capacity is enforced by, which may be changed while the node runs. */
public enum Limit {
    /** Seconds of unused provisioned capacity that a table keeps. Source: throughput-bursting. */
    BURST_S(300, 0, 3600),
    /** Write units a second that a new on-demand table serves. Source: ReadWriteCapacityMode.prewarming.new. */
    ON_DEMAND_WRITE_UNITS_PER_S(4000, 1, 10_000_000),
    /** Read units a second that a new on-demand table serves. Source: ReadWriteCapacityMode.prewarming.new. */
    ON_DEMAND_READ_UNITS_PER_S(12_000, 1, 10_000_000),
    /** Seconds until a new peak counts as the previous one, of which twice is served. Source: ReadWriteCapacityMode.OnDemand. */
    ON_DEMAND_GROWTH_S(1800, 1, 86_400),
    /** Units a second that a table has at most, reads and writes each. Source: quotas (adjustable). */
    TABLE_UNITS_PER_S(40_000, 1, 10_000_000),
    /** Write units a second of a storage partition. Source: troubleshooting.serverless. */
    PARTITION_WRITE_UNITS_PER_S(1000, 1, 10_000_000),
    /** Read units a second of a storage partition. Source: troubleshooting.serverless. */
    PARTITION_READ_UNITS_PER_S(3000, 1, 10_000_000),
    /** Requests a second of a connection. Source: quotas. */
    CONNECTION_REQUESTS_PER_S(3000, 1, 10_000_000),
    /** Bytes that a page reads at most; the row that passes it is the page's last. Source: functional-differences. */
    PAGE_BYTES(1 << 20, 1, 1 << 30);

    private static final AtomicInteger VERSION = new AtomicInteger();

    private final String id = name().toLowerCase(Locale.ROOT);
    private final long standard;
    public final long minimum;
    public final long maximum;
    private volatile long value;

    Limit(long standard, long minimum, long maximum) {
        this.standard = standard;
        this.minimum = minimum;
        this.maximum = maximum;
        value = standard;
    }

    public String id() {
        return id;
    }

    public long value() {
        return value;
    }

    /** The documented figure. */
    public long standard() {
        return standard;
    }

    /** @throws IllegalArgumentException outside of what is allowed. */
    public void set(long changed) {
        if (changed < minimum || changed > maximum)
            throw new IllegalArgumentException(
                    id + " is " + changed + "; it must be from " + minimum + " to " + maximum);
        value = changed;
        VERSION.incrementAndGet();
    }

    /** Grows with each change of any limit. */
    static int version() {
        return VERSION.get();
    }
}

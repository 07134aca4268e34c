package keyspaces.local.faults;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import keyspaces.local.RequestGate.Operation;

/** Something that goes wrong on demand. */
public final class Fault {
    /** What goes wrong. */
    public enum Kind {
        /** The request waits, and then goes on. */
        LATENCY,
        /** A time-out of a request that was not carried out. */
        TIMEOUT_BEFORE,
        /** A time-out of a request that was carried out. */
        TIMEOUT_AFTER,
        SERVER_ERROR,
        OVERLOADED,
        UNAVAILABLE,
        /** The connection is closed before the request is carried out. */
        DROP_CONNECTION_BEFORE,
        /** The connection is closed after the request was carried out. */
        DROP_CONNECTION_AFTER;

        boolean after() {
            return this == TIMEOUT_AFTER || this == DROP_CONNECTION_AFTER;
        }
    }

    private static final double WHOLE = 100;

    public final long id;
    public final Kind kind;
    /** {@code keyspace.table}, or null for all requests. */
    public final String table;
    /** Null for all operations. */
    public final Operation operation;

    public final double percentage;
    public final long latencyMillis;
    /** It strikes reads of partitions with a greater token only; null for all requests. */
    public final Long aboveToken;

    private final AtomicLong left;
    private final long expiresAtNanos;
    private final boolean expires;
    private final AtomicLong struck = new AtomicLong();

    /**
     * @param count how many requests it strikes at most; null for no end
     * @param expiresNanos after which it strikes no more; null for never
     */
    Fault(
            long id, Kind kind, String table, Operation operation, double percentage, long latencyMillis,
            Long aboveToken, Long count, Long expiresNanos) {
        this.id = id;
        this.kind = kind;
        this.table = table;
        this.operation = operation;
        this.percentage = percentage;
        this.latencyMillis = latencyMillis;
        this.aboveToken = aboveToken;
        left = count == null ? null : new AtomicLong(count);
        expires = expiresNanos != null;
        expiresAtNanos = System.nanoTime() + (expires ? expiresNanos : 0);
    }

    /** How many requests it has struck. */
    public long struck() {
        return struck.get();
    }

    /** How many it will strike yet at most; null for no end. */
    public Long left() {
        return left == null ? null : Math.max(0, left.get());
    }

    /**
     * Whether it strikes a request, which counts as struck then.
     *
     * @param greatestToken of the partitions that a read may touch
     * @param chance from 0 to below 1
     */
    boolean strikes(String keyspace, String name, Operation asked, LongSupplier greatestToken, double chance) {
        if (operation != null && operation != asked || !matches(keyspace, name)) return false;
        if (aboveToken != null && (asked != Operation.READ || greatestToken.getAsLong() <= aboveToken)) return false;
        if (expires && System.nanoTime() - expiresAtNanos >= 0) return false;
        if (chance * WHOLE >= percentage) return false;
        if (left != null && left.getAndUpdate(now -> Math.max(0, now - 1)) == 0) return false;
        struck.incrementAndGet();
        return true;
    }

    private boolean matches(String keyspace, String name) {
        return table == null || keyspace != null && table.equals(keyspace + "." + name);
    }
}

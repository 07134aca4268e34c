package keyspaces.local.capacity;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Units that flow in at a rate and are taken out; never more in it than its depth.
 *
 * <p>All of its state is the moment at which it will be full again, so that it needs neither a lock nor a thread that
 * fills it. Times are those of {@link System#nanoTime}; they are given by the caller.
 */
final class TokenBucket {
    static final double NANOS_PER_S = 1e9;
    /** What {@link #taken} answers when there is not enough. */
    static final long REFUSED = Long.MIN_VALUE;

    private final AtomicLong fullAt;

    /** A bucket that is full at this moment. */
    TokenBucket(long fullAtNanos) {
        fullAt = new AtomicLong(fullAtNanos);
    }

    /**
     * When a bucket will be full after units were taken from it, or {@link #REFUSED}.
     *
     * <p>A full bucket gives what is asked for even if it is more than its depth: a row may be larger than a second's
     * units, and would never be written otherwise.
     */
    static long taken(long fullAtNanos, double units, double ratePerS, double depth, long nowNanos) {
        double missing = Math.max(0, fullAtNanos - nowNanos);
        double cost = units * NANOS_PER_S / ratePerS;
        if (missing > 0 && missing + cost > depth * NANOS_PER_S / ratePerS) return REFUSED;
        return nowNanos + (long) (missing + cost);
    }

    /** Take units if they are there. */
    boolean take(double units, double ratePerS, double depth, long nowNanos) {
        while (true) {
            long before = fullAt.get();
            long after = taken(before, units, ratePerS, depth, nowNanos);
            if (after == REFUSED) return false;
            if (fullAt.compareAndSet(before, after)) return true;
        }
    }

    /** Take units even if they are not there (negative: give them back). Later takers wait for them. */
    void charge(double units, double ratePerS, long nowNanos) {
        long cost = (long) (units * NANOS_PER_S / ratePerS);
        fullAt.updateAndGet(before -> Math.max(before, nowNanos) + cost);
    }

    /** Units that are in it; negative when more was charged than was there. */
    double available(double ratePerS, double depth, long nowNanos) {
        return depth - Math.max(0, fullAt.get() - nowNanos) * ratePerS / NANOS_PER_S;
    }

    /** From now on it has this rate and depth, and so many units in it. */
    void refill(double units, double ratePerS, double depth, long nowNanos) {
        double missing = Math.max(0, depth - units);
        fullAt.set(nowNanos + (long) (missing * NANOS_PER_S / ratePerS));
    }
}

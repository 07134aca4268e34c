package keyspaces.local.capacity;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A token bucket for each partition that is in use, in memory of a fixed size.
 *
 * <p>Here each partition of a table counts as a storage partition of its own. Amazon Keyspaces may put several
 * partitions on one storage partition, and may split a large one: what passes here can be throttled there.
 *
 * <p>A bucket that is full again is as good as none, so its place is free for another partition. When no place is
 * free near a partition's own, it passes unmetered. Two threads that race for one place may charge one partition for
 * the other's units, once: a tolerated error of some units.
 */
final class PartitionBuckets {
    private static final int PLACES = 1 << 12;
    private static final int PROBES = 8;

    private final AtomicLongArray partitions = new AtomicLongArray(PLACES);
    private final AtomicLongArray fullAt = new AtomicLongArray(PLACES);

    PartitionBuckets(long nowNanos) {
        for (int i = 0; i < PLACES; i++) fullAt.set(i, nowNanos);
    }

    /** Take units of a partition if they are there. A bucket holds what flows in within a second. */
    boolean take(long partition, double units, double ratePerS, long nowNanos) {
        int place = place(partition, nowNanos);
        if (place < 0) return true;
        while (true) {
            long before = fullAt.get(place);
            long after = TokenBucket.taken(before, units, ratePerS, ratePerS, nowNanos);
            if (after == TokenBucket.REFUSED) return false;
            if (fullAt.compareAndSet(place, before, after)) return true;
        }
    }

    /** Take units of a partition even if they are not there (negative: give them back). */
    void charge(long partition, double units, double ratePerS, long nowNanos) {
        int place = place(partition, nowNanos);
        if (place >= 0) {
            long cost = (long) (units * TokenBucket.NANOS_PER_S / ratePerS);
            fullAt.updateAndGet(place, before -> Math.max(before, nowNanos) + cost);
        }
    }

    private int place(long partition, long nowNanos) {
        int first = (int) partition & (PLACES - 1);
        int idle = -1;
        for (int i = 0; i < PROBES; i++) {
            int place = first + i & (PLACES - 1);
            if (partitions.get(place) == partition) return place;
            if (idle < 0 && fullAt.get(place) - nowNanos <= 0) idle = place;
        }
        if (idle >= 0) partitions.set(idle, partition);
        return idle;
    }
}

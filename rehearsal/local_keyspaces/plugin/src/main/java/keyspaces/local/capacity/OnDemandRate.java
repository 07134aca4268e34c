package keyspaces.local.capacity;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What an on-demand table serves: what a new one does, or up to twice its previous peak.
 *
 * <p>The guide says that throttling may occur when more than twice the previous peak is reached within 30 minutes, and
 * not how a peak is measured. Here it is the highest count of units within a second, and becomes the previous peak when
 * the 30 minutes in which it was reached are over.
 */
final class OnDemandRate {
    private static final long SECOND = 1_000_000_000L;

    private final LongAdder units = new LongAdder();
    private final AtomicLong second;
    private final AtomicLong period;
    private volatile long newPeak;
    private volatile long previousPeak;

    OnDemandRate(long previousPeak, long nowNanos) {
        this.previousPeak = previousPeak;
        second = new AtomicLong(nowNanos);
        period = new AtomicLong(nowNanos);
    }

    /** Units were served. */
    void served(long more, long nowNanos) {
        long began = second.get();
        long elapsed = nowNanos - began;
        if (elapsed >= SECOND && second.compareAndSet(began, nowNanos)) {
            newPeak = Math.max(newPeak, units.sumThenReset() * SECOND / elapsed);
            long periodBegan = period.get();
            if (nowNanos - periodBegan >= Limit.ON_DEMAND_GROWTH_S.value() * SECOND
                    && period.compareAndSet(periodBegan, nowNanos)) {
                previousPeak = Math.max(previousPeak, newPeak);
                newPeak = 0;
            }
        }
        units.add(more);
    }

    /** Units a second that are served now, for a table that starts with so many. */
    double ratePerS(long start) {
        return Math.min(Math.max(start, 2 * previousPeak), Limit.TABLE_UNITS_PER_S.value());
    }
}
